/** Certificates of a test's own: an authority, a server for localhost, a client. */
import { readFileSync } from "node:fs";
import { TempDir } from "./temp-dir.ts";

export interface KeyPair {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export class TestPki implements AsyncDisposable {
  readonly dir: TempDir;

  private constructor(dir: TempDir) {
    this.dir = dir;
  }

  static async create(): Promise<TestPki> {
    const pki = new TestPki(await TempDir.create("pki"));
    await pki.authority("ca");
    await pki.certificate("server", "ca", "DNS:localhost,DNS:kube.test");
    await pki.certificate("client", "ca", "DNS:client");
    return pki;
  }

  get server(): KeyPair {
    return this.pair("server");
  }

  get client(): KeyPair {
    return this.pair("client");
  }

  pem(file: string): string {
    return readFileSync(this.dir.join(file), "utf8");
  }

  async authority(name: string): Promise<void> {
    await this.#openssl(
      "req",
      "-x509",
      ...keyArgs(name),
      "-out",
      `${name}.pem`,
      "-days",
      "1",
      "-subj",
      `/CN=${name}`,
    );
  }

  async certificate(name: string, ca: string, names: string): Promise<void> {
    await this.#openssl("req", ...keyArgs(name), "-out", `${name}.csr`, "-subj", `/CN=${name}`);
    await this.dir.write(`${name}.ext`, `subjectAltName=${names}\n`);
    const signer = ["-CA", `${ca}.pem`, "-CAkey", `${ca}.key`, "-CAcreateserial", "-extfile", `${name}.ext`];
    await this.#openssl("x509", "-req", "-in", `${name}.csr`, ...signer, "-out", `${name}.pem`, "-days", "1");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dir[Symbol.asyncDispose]();
  }

  private pair(name: string): KeyPair {
    return { ca: this.pem("ca.pem"), cert: this.pem(`${name}.pem`), key: this.pem(`${name}.key`) };
  }

  async #openssl(...args: string[]): Promise<void> {
    const child = Bun.spawn(["openssl", ...args], {
      cwd: this.dir.path,
      env: {},
      stdout: "ignore",
      stderr: "pipe",
    });
    if ((await child.exited) !== 0) throw new Error(await new Response(child.stderr).text());
  }
}

function keyArgs(name: string): readonly string[] {
  return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", `${name}.key`];
}
