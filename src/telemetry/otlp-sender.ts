/**
 * Brings bytes to a collector over HTTP. The exporters' own transport would bring node:http into the
 * process, which costs an idle worker 6 MB; and while the worker stops it would go on trying.
 */
import { readFileSync } from "node:fs";
import { pause } from "../async/wait.ts";
import type { OtlpSettings } from "../config/telemetry.ts";
import { wordsOf } from "../logging/words-of.ts";
import { type PostAnswer, type PostTls, post } from "../runtime/post.ts";

const FIRST_PAUSE_MS = 1_000;
const PAUSES_GROW_BY = 1.5;
const LONGEST_PAUSE_MS = 5_000;
/** By the specification; everything else is final. */
const WORTH_ANOTHER_TRY: readonly number[] = [429, 502, 503, 504];

export class OtlpSender {
  private readonly settings: OtlpSettings;
  private readonly tls: PostTls;
  private readonly headers: Readonly<Record<string, string>>;
  private readonly stopping = new AbortController();

  /** Throws when a certificate cannot be read. */
  constructor(settings: OtlpSettings, userAgent: string) {
    this.settings = settings;
    this.tls = {
      authorities: readPem(settings.certificate),
      certificate: readPem(settings.clientCertificate),
      key: readPem(settings.clientKey),
    };
    const type = settings.protocol === "http/json" ? "application/json" : "application/x-protobuf";
    this.headers = { "User-Agent": userAgent, ...settings.headers, "Content-Type": type };
  }

  /** The collector's answer. Rejects with what it said, or with why there is none. */
  async send(bytes: Uint8Array): Promise<Uint8Array> {
    const deadline = performance.now() + this.settings.timeoutMs;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * PAUSES_GROW_BY)) {
      const attempt = await this.attempt(bytes, deadline - performance.now());
      if (attempt.kind === "taken") return attempt.answer;
      const waitMs = attempt.waitMs ?? pauseMs * (0.8 + 0.4 * Math.random());
      const final = !attempt.again || this.stopping.signal.aborted || performance.now() + waitMs >= deadline;
      if (!final) await pause(waitMs, this.stopping.signal);
      // Woken by the stop there is time for one more try, and for no more.
      if (final) throw new Error(attempt.why);
    }
  }

  /** From now on each is tried once. */
  hurry(): void {
    this.stopping.abort();
  }

  private async attempt(bytes: Uint8Array, leftMs: number): Promise<Attempt> {
    const { endpoint: url, gzip } = this.settings;
    try {
      const signal = AbortSignal.timeout(Math.max(1, Math.ceil(leftMs)));
      return judge(await post({ url, headers: this.headers, body: bytes, gzip, tls: this.tls, signal }));
    } catch (error) {
      return { kind: "failed", why: wordsOf(error), again: true, waitMs: null };
    }
  }
}

type Attempt =
  | { readonly kind: "taken"; readonly answer: Uint8Array }
  | {
      readonly kind: "failed";
      readonly why: string;
      readonly again: boolean;
      /** What the collector asked for. */
      readonly waitMs: number | null;
    };

function judge({ status, headers, body }: PostAnswer): Attempt {
  if (status >= 200 && status <= 299) return { kind: "taken", answer: body };
  const seconds = Number(headers.get("Retry-After") ?? Number.NaN);
  return {
    kind: "failed",
    why: `the collector answered with status ${status}`,
    again: WORTH_ANOTHER_TRY.includes(status),
    waitMs: Number.isFinite(seconds) && seconds >= 0 ? seconds * 1_000 : null,
  };
}

function readPem(path: string | null): string | null {
  if (path === null) return null;
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new Error(`cannot read the certificate or key "${path}": ${wordsOf(error)}`, { cause: error });
  }
}
