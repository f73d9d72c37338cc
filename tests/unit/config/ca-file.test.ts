import { expect, test } from "bun:test";
import { readCaFile } from "../../../src/config/ca-file.ts";
import { ConfigError } from "../../../src/config/config-error.ts";
import { TempDir } from "../../support/temp-dir.ts";

const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBezCCASGgAwIBAgIUX1MI2boENgduV3DO3j+Xa1/m198wCgYIKoZIzj0EAwIw
EjEQMA4GA1UEAwwHdGVzdCBjYTAgFw0yNjExMjIxOTU5NDVaGA8yMTI2MTAyOTE5
NTk0NVowEjEQMA4GA1UEAwwHdGVzdCBjYTBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABC9tPS48YPolMyOKmPe6HjL3oxHIPvmO63JPVQkxOZys6rDotWRw37jVCowH
3igJQlffLLp8ezBCBTl2DsSgAeajUzBRMB0GA1UdDgQWBBRrwKk59nUM4rPUtTus
GZaT+wEV8TAfBgNVHSMEGDAWgBRrwKk59nUM4rPUtTusGZaT+wEV8TAPBgNVHRMB
Af8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIQDkIUimFbSCFRmy6ERQZ2Sh5aaN
rd2vqjCG1OlJarXaJgIgA01sbXbory74UGc/FGYILefzVDyKFZ7zuecp49rcJOE=
-----END CERTIFICATE-----
`;

async function problemOf(path: string): Promise<string> {
  const error: unknown = await readCaFile(path).catch((reason) => reason);
  expect(error).toBeInstanceOf(ConfigError);
  return error instanceof ConfigError ? error.problems.join() : "";
}

test("a file of sound certificates is read as it is, comments included", async () => {
  await using folder = await TempDir.create();
  const text = `# ours\n${CERTIFICATE}\n# and again\n${CERTIFICATE}`;
  expect(await readCaFile(await folder.write("ca.pem", text))).toBe(text);
});

test("a file without certificates, a damaged one and a missing file each say so", async () => {
  await using folder = await TempDir.create();
  const key = await folder.write(
    "key.pem",
    "-----BEGIN PRIVATE KEY-----\ns3cret\n-----END PRIVATE KEY-----\n",
  );
  expect(await problemOf(key)).toBe(`The CA file "${key}" (ca_file) holds no certificate in PEM form`);
  const damaged = await folder.write("bad.pem", CERTIFICATE + CERTIFICATE.replace("MIIB", "AAAA"));
  expect(await problemOf(damaged)).toBe(`Certificate 2 in the CA file "${damaged}" (ca_file) is damaged`);
  const missing = folder.join("none.pem");
  expect(await problemOf(missing)).toBe(
    `Cannot read the CA file "${missing}" (ca_file): there is no such file`,
  );
});
