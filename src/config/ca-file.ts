/** A private certificate authority, read and checked at start rather than at the first handshake. */
import { ConfigError } from "./config-error.ts";
import { readPlainFile } from "./operator-file.ts";
import { whyUnreadable } from "./unreadable.ts";

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** The file's text. Throws a ConfigError unless it is readable and holds sound PEM certificates. */
export async function readCaFile(path: string): Promise<string> {
  let text: string;
  try {
    text = readPlainFile(path).toString("utf8");
  } catch (error) {
    throw new ConfigError([`Cannot read the CA file "${path}" (ca_file): ${whyUnreadable(error)}`]);
  }
  const certificates = text.match(CERTIFICATE) ?? [];
  if (certificates.length === 0) {
    throw new ConfigError([`The CA file "${path}" (ca_file) holds no certificate in PEM form`]);
  }
  // Loaded only when there is something to check.
  const { X509Certificate } = await import("node:crypto");
  for (const [index, certificate] of certificates.entries()) {
    try {
      new X509Certificate(certificate);
    } catch {
      throw new ConfigError([`Certificate ${index + 1} in the CA file "${path}" (ca_file) is damaged`]);
    }
  }
  return text;
}
