/** A collector: keeps what is sent to it and answers as the test wants. */
import { Server as GrpcServer, ServerCredentials, type sendUnaryData } from "@grpc/grpc-js";
import { Bell } from "../../src/dev/bell.ts";

export interface ReceivedExport {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Decompressed. */
  readonly body: Uint8Array;
}

export type CollectorAnswer = (received: ReceivedExport, nth: number) => Response | Promise<Response>;

export interface Collector extends AsyncDisposable {
  readonly url: string;
  readonly exports: readonly ReceivedExport[];
  /** The first from `after` on that `wanted` is satisfied with. */
  waitFor(wanted: (received: ReceivedExport) => boolean, after?: number): Promise<ReceivedExport>;
}

/** `port` 0: one that is free. */
export function startHttpCollector(answer: CollectorAnswer = () => new Response(), port = 0): Collector {
  const kept = new Kept();
  const server = Bun.serve({
    port,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    async fetch(request) {
      const bytes = new Uint8Array(await request.arrayBuffer());
      const zipped = request.headers.get("content-encoding") === "gzip";
      const received = {
        path: new URL(request.url).pathname,
        headers: Object.fromEntries(request.headers),
        body: zipped ? Bun.gunzipSync(bytes) : bytes,
      };
      const nth = kept.add(received);
      return answer(received, nth);
    },
  });
  return kept.collector(`http://127.0.0.1:${server.port}`, async () => void (await server.stop(true)));
}

const GRPC_PATHS = {
  metrics: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
  traces: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
} as const;

export async function startGrpcCollector(): Promise<Collector> {
  const kept = new Kept();
  const server = new GrpcServer();
  for (const path of Object.values(GRPC_PATHS)) {
    const whole = (bytes: Buffer) => bytes;
    server.addService(
      {
        export: {
          path,
          requestStream: false,
          responseStream: false,
          requestSerialize: whole,
          requestDeserialize: whole,
          responseSerialize: whole,
          responseDeserialize: whole,
        },
      },
      {
        export: (call: GrpcCall, done: sendUnaryData<Buffer>) => {
          const headers = Object.fromEntries(
            Object.entries(call.metadata.getMap()).map(([name, value]) => [name, String(value)]),
          );
          kept.add({ path, headers, body: new Uint8Array(call.request) });
          done(null, Buffer.alloc(0));
        },
      },
    );
  }
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return kept.collector(`http://127.0.0.1:${port}`, async () => server.forceShutdown());
}

interface GrpcCall {
  readonly request: Buffer;
  readonly metadata: { getMap(): Record<string, unknown> };
}

class Kept {
  readonly exports: ReceivedExport[] = [];
  readonly #bell = new Bell();

  add(received: ReceivedExport): number {
    this.exports.push(received);
    this.#bell.ring();
    return this.exports.length;
  }

  collector(url: string, stop: () => Promise<void>): Collector {
    return {
      url,
      exports: this.exports,
      waitFor: (wanted, after = 0) =>
        this.#bell.until(
          () => this.exports.slice(after).find(wanted),
          () => `an export; ${this.exports.length} came`,
        ),
      [Symbol.asyncDispose]: stop,
    };
  }
}
