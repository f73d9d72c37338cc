/** The certificates of an engine that is reached by TCP: ca.pem, cert.pem and key.pem in one folder. */
import { join } from "node:path";
import type { EngineTls } from "./endpoint.ts";
import { readIfThere } from "./endpoint-file.ts";
import { EndpointError } from "./errors.ts";

export interface TlsOptions {
  /** False: without ca.pem the built-in authorities hold. */
  readonly caNeeded: boolean;
  readonly verify: boolean;
  /** Where the folder's name comes from, for messages. */
  readonly source: string;
}

/** Null for a folder with none of the files, unless a CA is needed. @throws EndpointError */
export function readTls(dir: string, { caNeeded, verify, source }: TlsOptions): EngineTls | null {
  const ca = readPem(join(dir, "ca.pem"), source);
  const cert = readPem(join(dir, "cert.pem"), source);
  const key = readPem(join(dir, "key.pem"), source);
  if (ca === null && caNeeded) {
    throw new EndpointError(
      `Cannot use TLS with the container engine: there is no ${join(dir, "ca.pem")} (${source}); put ca.pem, cert.pem and key.pem there, or correct the folder`,
    );
  }
  if ((cert === null) !== (key === null)) {
    const [there, missing] = cert === null ? ["key.pem", "cert.pem"] : ["cert.pem", "key.pem"];
    throw new EndpointError(
      `Cannot use TLS with the container engine: ${dir} has ${there} and no ${missing} (${source}); put both there, or none`,
    );
  }
  if (ca === null && cert === null && verify) return null;
  return { ca, cert, key, verify };
}

/** Null when there is no such file. */
function readPem(path: string, source: string): string | null {
  const named = `${path} (${source})`;
  const text = readIfThere(path, named, "");
  if (text !== null && !text.includes("-----BEGIN ")) {
    throw new EndpointError(
      `Cannot use ${named}: it is not in PEM form; put the certificate or the key there as PEM text`,
    );
  }
  return text;
}
