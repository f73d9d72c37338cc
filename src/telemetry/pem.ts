/** Certificates and keys that the operator names for a collector. */
import { readPlainFile } from "../config/operator-file.ts";
import type { OtlpSettings } from "../config/telemetry.ts";
import { whyUnreadable } from "../config/unreadable.ts";
import type { PostTls } from "../runtime/post.ts";

/** Throws with the path of one that cannot be read. */
export function readPems(settings: OtlpSettings): PostTls {
  return {
    authorities: readPem(settings.certificate),
    certificate: readPem(settings.clientCertificate),
    key: readPem(settings.clientKey),
  };
}

function readPem(path: string | null): string | null {
  if (path === null) return null;
  try {
    return readPlainFile(path).toString("utf8");
  } catch (error) {
    throw new Error(`Cannot read the certificate or key "${path}": ${whyUnreadable(error)}`, {
      cause: error,
    });
  }
}
