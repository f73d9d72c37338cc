/** As much of Deno's own interface as the files beside this one use. Its types are not installed: they fight with Bun's. */

export interface DenoCommandOptions {
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env: Readonly<Record<string, string>>;
  /** Otherwise `env` is laid over this process's own. */
  readonly clearEnv: true;
  /** A session and group of its own. */
  readonly detached: true;
  readonly stdin: "piped" | "null";
  readonly stdout: "piped" | "inherit" | "null";
  readonly stderr: "piped" | "inherit" | "null";
}

export interface DenoChild {
  readonly pid: number;
  /** Null unless piped, where reading it throws. */
  readonly stdin: WritableStream<Uint8Array>;
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  /** `code` is 128+signal for a signal. */
  readonly status: Promise<{ readonly code: number }>;
  kill(signal: "SIGTERM" | "SIGKILL"): void;
}

export interface DenoHttpServer {
  readonly addr: { readonly port: number };
  readonly finished: Promise<void>;
}

export interface DenoServeOptions {
  readonly hostname: string;
  readonly port: number;
  readonly signal: AbortSignal;
  onListen(): void;
  onError(error: unknown): Response;
}

export interface DenoHttpClientOptions {
  /** Trusted beside the built-in ones, not instead of them. */
  readonly caCerts?: readonly string[];
  readonly cert?: string;
  readonly key?: string;
  readonly proxy?:
    | { readonly url: string; readonly basicAuth?: { readonly username: string; readonly password: string } }
    | { readonly transport: "tcp"; readonly hostname: string; readonly port: number };
}

export interface DenoHttpClient extends Disposable {
  close(): void;
}

/** Integers and buffers are all that is passed, and an integer all that comes back. */
export interface DenoForeignFunction {
  readonly parameters: readonly ("i32" | "usize" | "buffer")[];
  readonly result: "i32";
}

export type DenoSymbols<Names extends string> = Readonly<
  Record<Names, (...args: readonly (number | BigUint64Array | Uint8Array)[]) => number>
>;

/** Opaque, and only Deno's own. */
export interface DenoPointer {
  readonly [Symbol.toStringTag]: string;
}

export interface DenoGlobal {
  readonly version: { readonly deno: string };
  readonly env: { get(name: string): string | undefined };
  readonly stdout: { write(bytes: Uint8Array): Promise<number> };
  readonly stderr: { write(bytes: Uint8Array): Promise<number> };
  readonly UnsafePointer: { create(address: bigint): DenoPointer };
  readonly UnsafePointerView: new (pointer: DenoPointer) => { getArrayBuffer(bytes: number): ArrayBuffer };
  readonly Command: new (program: string, options: DenoCommandOptions) => { spawn(): DenoChild };
  serve(
    options: DenoServeOptions,
    answer: (request: Request) => Response | Promise<Response>,
  ): DenoHttpServer;
  createHttpClient(options: DenoHttpClientOptions): DenoHttpClient;
  dlopen<Names extends string>(
    library: string,
    functions: Readonly<Record<Names, DenoForeignFunction>>,
  ): { readonly symbols: DenoSymbols<Names> };
}

declare const Deno: DenoGlobal;

export const deno: DenoGlobal = Deno;

/** Deno's fetch takes the client as one more option, which the types of others do not know. */
export function fetchBy(client: DenoHttpClient, url: string, init: RequestInit): Promise<Response> {
  const options: RequestInit & { readonly client: DenoHttpClient } = { ...init, client };
  return fetch(url, options);
}
