/** OTLP over HTTP. */
import type { OtlpSettings } from "../config/telemetry.ts";
import { publicUrl } from "../logging/public-url.ts";
import { wordsOf } from "../logging/words-of.ts";
import { type PostAnswer, post } from "../runtime/post.ts";
import type { Attempt, OtlpWay } from "./otlp-sender.ts";
import { readPems } from "./pem.ts";

/** By the specification; every other status is final. */
const WORTH_ANOTHER_TRY: readonly number[] = [429, 502, 503, 504];

/** Throws when a certificate cannot be read. */
export function httpWay(settings: OtlpSettings, userAgent: string): OtlpWay {
  const tls = readPems(settings);
  const type = settings.protocol === "http/json" ? "application/json" : "application/x-protobuf";
  const headers = { "User-Agent": userAgent, ...settings.headers, "Content-Type": type };
  return {
    async attempt(bytes, timeoutMs) {
      const { endpoint: url, gzip } = settings;
      try {
        const signal = AbortSignal.timeout(timeoutMs);
        return judge(publicUrl(url), await post({ url, headers, body: bytes, gzip, tls, signal }));
      } catch (error) {
        return {
          kind: "failed",
          why: `no answer of ${publicUrl(url)}: ${wordsOf(error)}`,
          again: true,
          waitMs: null,
        };
      }
    },
    close: () => {},
  };
}

function judge(url: string, { status, headers, body }: PostAnswer): Attempt {
  if (status >= 200 && status <= 299) return { kind: "taken", answer: body };
  const seconds = Number(headers.get("Retry-After") ?? Number.NaN);
  return {
    kind: "failed",
    // Not what else it says: that may be what it was sent, token included.
    why: `${url} answered with status ${status}`,
    again: WORTH_ANOTHER_TRY.includes(status),
    waitMs: Number.isFinite(seconds) && seconds >= 0 ? seconds * 1_000 : null,
  };
}
