/** One call to the engine's API: path and query in, its answer or its error out. */

import { codeOf, wordsOf } from "../../../logging/words-of.ts";
import type { Channel } from "../../../runtime/byte-channel.ts";
import type { Agreement } from "./agreement.ts";
import { type CallWatch, usualMsOf } from "./call-watch.ts";
import { EngineError, EngineGone, isMissing, NOT_FOUND } from "./errors.ts";
import { type ByteStream, exchange, type Response, SourceBroke } from "./exchange.ts";
import { Limit } from "./limit.ts";
import { LARGEST_REFUSAL_BYTES, notTheApi, readText, refusalOf } from "./refusal.ts";

export type { ByteStream } from "./exchange.ts";

export type QueryValue = string | number | boolean | undefined;

export interface CallOptions {
  readonly query?: Readonly<Record<string, QueryValue>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly json?: object;
  /** Sent as a tar archive. */
  readonly tar?: Uint8Array | ByteStream;
  /** For the whole call; null: as long as it takes. Left out: QUICK_CALL_MS, but of a stream as long as it takes. */
  readonly limitMs?: number | null;
  /** The engine has no words for what it did, and says so by its status: any other answer is somebody else's. */
  readonly wordless?: boolean;
}

export interface CallsOptions {
  readonly host: string;
  readonly agreement: Agreement | null;
  readonly label: string;
  readonly closing: AbortSignal;
  readonly watch: CallWatch;
}

/** Opens a connection to the engine. Throws the system's words. */
export type Dial = (signal: AbortSignal) => Promise<Channel>;

/** For a call that only looks something up or notes something down. A busy disk makes seconds of it. */
const QUICK_CALL_MS = 60_000;
/** An answer in JSON that is larger than this is none of ours; `inspect` and lists are a few kilobytes. */
const LARGEST_JSON_BYTES = 64 * 1024 * 1024;
/** So an engine refuses a version of its API, too. */
const BAD_REQUEST = 400;
/** What was asked for is so already. */
const NOT_MODIFIED = 304;
const NO_CONTENT = 204;

export class Calls {
  readonly #dial: Dial;
  readonly #host: string;
  readonly #agreement: Agreement | null;
  readonly #label: string;
  readonly #closing: AbortSignal;
  readonly #watch: CallWatch;
  #underway = 0;

  /**
   * `host`: for the Host header. `agreement`: on the API's version; null: calls of none. `label`: the endpoint in
   * messages. `closing`: fires when the client is disposed.
   */
  constructor(dial: Dial, about: CallsOptions) {
    this.#dial = dial;
    this.#host = about.host;
    this.#agreement = about.agreement;
    this.#label = about.label;
    this.#closing = about.closing;
    this.#watch = about.watch;
  }

  /** The version that is spoken; empty: none. */
  get api(): string {
    return this.#agreement?.api ?? "";
  }

  /** Those that wait for their answer; one that is followed has it. */
  get underway(): number {
    return this.#underway;
  }

  /** The parsed answer; null for an empty one. @throws EngineError for 4xx and 5xx, EngineGone */
  async json(method: string, path: string, options: CallOptions, signal: AbortSignal): Promise<unknown> {
    const { limitMs = QUICK_CALL_MS } = options;
    using limit = new Limit([signal, this.#closing], limitMs);
    const what = `${method} ${path}`;
    // With await, or the limit is let go before the call has ended.
    return await this.#told(what, limit, usualMsOf(options.limitMs), async () => {
      const response = await this.#send(method, path, options, limit.signal);
      const text = await readText(response.body, LARGEST_JSON_BYTES);
      if (options.wordless && response.status !== NO_CONTENT && response.status !== NOT_MODIFIED)
        throw notTheApi(response.status, text);
      if (text.trim() === "") return null;
      try {
        return JSON.parse(text);
      } catch {
        throw notTheApi(response.status, text);
      }
    });
  }

  /** The answer as it comes. @throws EngineError for 4xx and 5xx, EngineGone (from the body too) */
  async stream(method: string, path: string, options: CallOptions, signal: AbortSignal): Promise<Response> {
    const limit = new Limit([signal, this.#closing], options.limitMs ?? null);
    const what = `${method} ${path}`;
    try {
      const response = await this.#told(what, limit, null, () =>
        this.#send(method, path, options, limit.signal),
      );
      const close = () => {
        response.close();
        limit[Symbol.dispose]();
      };
      return { ...response, body: this.#toldBody(what, limit, response.body), close };
    } catch (error) {
      limit[Symbol.dispose]();
      throw error;
    }
  }

  /** Whether an engine answers at all, and what it speaks. @throws EngineError when it is something else */
  async ping(
    limitMs: number,
    signal: AbortSignal,
  ): Promise<{ readonly api: string; readonly isPodman: boolean }> {
    const response = await this.stream("GET", "/_ping", { limitMs }, signal);
    const text = await readText(response.body, LARGEST_REFUSAL_BYTES);
    const api = response.header("api-version");
    if (api === "" && text.trim() !== "OK") throw notTheApi(response.status, text);
    return { api, isPodman: response.header("libpod-api-version") !== "" };
  }

  /**
   * Whether an error says that there is no such thing. A page that nobody knows (status 404) says so, too, where the
   * engine answers beside it: its router may have words of its own for a path that it does not have. A proxy that does
   * not find the engine brings no answer to a ping.
   */
  async saysNone(error: unknown, signal: AbortSignal): Promise<boolean> {
    if (isMissing(error)) return true;
    if (!(error instanceof EngineError && error.status === NOT_FOUND)) return false;
    try {
      await this.ping(QUICK_CALL_MS, signal);
      return true;
    } catch {
      return false;
    }
  }

  async *#toldBody(what: string, limit: Limit, body: ByteStream): ByteStream {
    try {
      yield* body;
    } catch (error) {
      throw this.#tell(what, limit, error);
    } finally {
      limit[Symbol.dispose]();
    }
  }

  /** Once more where the engine, exchanged for another, refused the version and not what was asked. */
  async #send(method: string, path: string, options: CallOptions, signal: AbortSignal): Promise<Response> {
    const spoken = this.api;
    try {
      return await this.#sendIn(spoken, method, path, options, signal);
    } catch (error) {
      const mayBeVersion = error instanceof EngineError && error.status === BAD_REQUEST;
      if (!mayBeVersion || !(await this.#agreement?.isNewSince(spoken, signal))) throw error;
      const { tar } = options;
      if (tar === undefined || tar instanceof Uint8Array)
        return await this.#sendIn(this.api, method, path, options, signal);
      // Half of it was read, and cannot be sent again.
      throw new EngineGone("The container engine was exchanged for another one meanwhile", { cause: error });
    }
  }

  async #sendIn(
    api: string,
    method: string,
    path: string,
    options: CallOptions,
    signal: AbortSignal,
  ): Promise<Response> {
    const { json, tar } = options;
    const type = json !== undefined ? "application/json" : tar !== undefined ? "application/x-tar" : null;
    const headers = {
      Host: this.#host,
      "User-Agent": "oz-agent-worker",
      Accept: "*/*",
      Connection: "close",
      ...(type === null ? {} : { "Content-Type": type }),
      ...options.headers,
    };
    const body =
      json === undefined ? (tar ?? emptyBodyOf(method)) : new TextEncoder().encode(JSON.stringify(json));
    const target = `${api === "" ? "" : `/v${api}`}${path}${queryOf(options.query ?? {})}`;
    const channel = await this.#dial(signal);
    const response = await exchange(channel, { method, target, headers, body }, signal);
    // A router that finds no id in a path sends the caller elsewhere: what follows is no answer to the question.
    if (response.status < 300 || response.status === NOT_MODIFIED) return response;
    throw refusalOf(response.status, await readText(response.body, LARGEST_REFUSAL_BYTES));
  }

  async #told<T>(what: string, limit: Limit, usualMs: number | null, work: () => Promise<T>): Promise<T> {
    this.#underway += 1;
    const watched = usualMs === null ? null : this.#watch.begin(what, usualMs);
    let answered = false;
    try {
      const answer = await work();
      answered = true;
      return answer;
    } catch (error) {
      answered = error instanceof EngineError;
      throw this.#tell(what, limit, error);
    } finally {
      watched?.end(answered);
      this.#underway -= 1;
    }
  }

  #tell(what: string, limit: Limit, error: unknown): unknown {
    if (limit.stopped) return limit.reason;
    if (error instanceof EngineError || error instanceof EngineGone) return error;
    if (error instanceof SourceBroke) return error.cause;
    const told = (why: string) =>
      new EngineGone(`The container engine at ${this.#label} did not answer ${what}: ${why}`, {
        code: codeOf(error),
        late: limit.late,
        cause: error,
      });
    return limit.late ? told(`nothing came within ${limit.ms / 1000} s`) : told(wordsOf(error));
  }
}

/** A POST without a body has to say so, or a proxy waits for one. */
function emptyBodyOf(method: string): Uint8Array | null {
  return method === "GET" || method === "HEAD" ? null : new Uint8Array(0);
}

function queryOf(query: Readonly<Record<string, QueryValue>>): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) parameters.append(name, String(value));
  }
  return parameters.size === 0 ? "" : `?${parameters}`;
}

/** An id, a name or a reference in a path: slashes stay, as the engine's router wants them. */
export function pathOf(name: string): string {
  return encodeURIComponent(name).replace(/%(?:2F|3A|40)/g, decodeURIComponent);
}
