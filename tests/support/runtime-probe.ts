/**
 * Does one thing by src/runtime and says what came of it, as a line of JSON: a program, to be run by
 * each runtime. `runtime-probe.ts WHAT ARGUMENTS`, the arguments as JSON.
 */
import { readFileSync } from "node:fs";
import { ShimClient } from "../../src/process/shim/client.ts";
import type { Channel } from "../../src/runtime/byte-channel.ts";
import { type CaptureOptions, runCaptured } from "../../src/runtime/captured-child.ts";
import { type ClusterTls, fetchCluster } from "../../src/runtime/cluster-fetch.ts";
import { type DialTls, dialTcp, dialUnix } from "../../src/runtime/dial.ts";
import { dialProgram } from "../../src/runtime/dial-program.ts";
import { fetchDirectly } from "../../src/runtime/direct-fetch.ts";
import { startForegroundChild } from "../../src/runtime/foreground-child.ts";
import { heardSpawner } from "../../src/runtime/heard-child.ts";
import { serveHttp } from "../../src/runtime/http-server.ts";
import { type PostTls, post } from "../../src/runtime/post.ts";
import { ownCommand } from "../../src/runtime/self.ts";
import { serve } from "../../src/runtime/serve.ts";
import { type Command, spawnDetached, spawnTalking } from "../../src/runtime/spawn.ts";
import { openSocket, type SocketOptions } from "../../src/runtime/web-socket.ts";

const MAIN = new URL("../../src/main.ts", import.meta.url).pathname;
const forEver = new AbortController().signal;
const textOf = async (pieces: AsyncIterable<Uint8Array>) =>
  Buffer.concat(await Array.fromAsync(pieces)).toString("utf8");

function say(message: unknown): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

/** The far side says `bye`, or `drop`, when it has been told that all is done. */
function socket(options: SocketOptions): Promise<unknown> {
  const events: unknown[] = [];
  return new Promise((resolve) => {
    const opened = openSocket(options, {
      onOpen: () => {
        events.push("open");
        opened.send("x".repeat(1_000_000));
        opened.ping("p1");
      },
      onText: (text) => {
        events.push(["text", text]);
        if (text === "bye") opened.close();
        if (text === "drop") opened.drop();
      },
      onPong: (payload) => {
        events.push(["pong", payload]);
        opened.send("done");
      },
      onFrame: () => {},
      onEnd: (end) => resolve({ events, ...end }),
    });
  });
}

interface Said {
  readonly text: string;
  readonly times?: number;
}

async function echo(channel: Channel, said: Said): Promise<unknown> {
  const text = said.text.repeat(said.times ?? 1);
  // Both at once: the other side may not read on before it has been read.
  const writing = channel.write(Buffer.from(text));
  let heard = "";
  while (heard.length < text.length) {
    const bytes = await channel.read();
    if (bytes === null) break;
    heard += Buffer.from(bytes).toString("utf8");
  }
  await writing;
  channel.close();
  return { whole: heard === text, after: await channel.read() };
}

interface Cluster {
  readonly url: string;
  readonly tls: ClusterTls;
  readonly proxy: string | null;
  readonly method?: string;
  readonly body?: string;
}

async function cluster({ url, tls, proxy, method = "GET", body }: Cluster): Promise<unknown> {
  const request = { method, headers: new Headers({ "X-Probe": "1" }) };
  const given = {
    ...request,
    tls,
    proxy,
    signal: forEver,
    newConnection: false,
    ...(body === undefined ? {} : { body }),
  };
  const response = await fetchCluster(url, given);
  return { status: response.status, kind: response.headers.get("Content-Type"), text: await response.text() };
}

/** Until standard input ends. */
async function plane(): Promise<unknown> {
  const heard: unknown[] = [];
  const server = await serve({
    port: 0,
    answer: async (request, clientPort) => {
      const { pathname } = new URL(request.url);
      if (pathname === "/throw") throw new Error("thrown");
      if (pathname !== "/up") return { response: new Response(await request.text(), { status: 201 }) };
      if (request.headers.get("Authorization") !== "Bearer key")
        return { response: new Response("no", { status: 401 }) };
      heard.push(clientPort > 0);
      return {
        upgrade: {
          onOpen: (peer) => heard.push(peer.send("hello")),
          onFrame: (frame) => heard.push(typeof frame === "string" ? frame : frame.byteLength),
          onPing: () => heard.push("ping"),
          onClose: (code, reason) => say({ heard, code, reason }),
        },
      };
    },
  });
  say({ port: server.port });
  await textOf(process.stdin);
  await server.stop();
  return { stopped: true };
}

/** Until standard input ends. */
async function small({ port }: { readonly port: number }): Promise<unknown> {
  const answer = (request: Request) => {
    if (request.method === "POST") throw new Error("a secret");
    return new Response("small\n");
  };
  const server = serveHttp({ host: "localhost", port, answer });
  say({ port: server.port });
  await textOf(process.stdin);
  await server.stop();
  return { stopped: true };
}

interface Refused {
  readonly program: string;
  readonly args: readonly (string | { readonly repeat: number })[];
  readonly cwd: string;
}

/** The shim is the program's own. */
async function supervise({ dir, exitFile }: { readonly dir: string; readonly exitFile: string }) {
  const [executable = "", ...flags] = ownCommand();
  const command = [executable, ...flags.filter((flag) => flag.startsWith("-") || flag === "run")];
  using client = new ShimClient({ command: [...command, MAIN, "__shim"], openFiles: 700 });
  const argv = ["/bin/sh", "-c", "ulimit -Sn >limit; ls /proc/self/fd >open; exit 5"];
  const process = await client.spawn({ argv, cwd: dir, env: { PATH: "/usr/bin:/bin" } }, exitFile);
  const exit = await process.exited;
  process.acknowledge();
  const read = (name: string) => readFileSync(`${dir}/${name}`, "utf8");
  return { ...exit, limit: read("limit"), open: read("open") };
}

/** In the order in which it became known here, which was busy meanwhile. */
async function lastBreath(command: Command): Promise<unknown> {
  const order: string[] = [];
  const child = spawnTalking(command, (message) => order.push(JSON.stringify(message)));
  const done = [child.exited.then(() => order.push("exited")), child.disconnected];
  // waits: the child's last words and its end are to be there together when they are looked for
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  await Promise.all(done);
  return { heard: order.filter((what) => what !== "exited"), order };
}

/** Said to a child whose channel is closed, and which has not ended. */
async function toNobody(command: Command): Promise<unknown> {
  const child = spawnTalking(command, () => {});
  await child.disconnected;
  try {
    child.send({ n: 1 });
  } finally {
    process.kill(child.pid, "SIGKILL");
  }
  return { status: await child.exited };
}

const PROBES = {
  supervise,
  lastBreath,
  toNobody,
  socket,
  plane,
  small,
  cluster,
  detached: async (command: Command) => ({ status: await spawnDetached(command).exited }),
  refused: async ({ program, args, cwd }: Refused) => {
    const argv = [program, ...args.map((arg) => (typeof arg === "string" ? arg : "x".repeat(arg.repeat)))];
    return { status: await spawnDetached({ argv, cwd, env: {} }).exited };
  },
  foreground: async ({ argv, env }: Command) => ({
    status: await startForegroundChild(argv, env, "none").exited,
  }),
  heard: async ({ command, text, times = 1 }: Said & { readonly command: Command }) => {
    const child = heardSpawner()(command, text.repeat(times));
    const [stdout, stderr] = await Promise.all([textOf(child.stdout), textOf(child.stderr)]);
    return { stdout, stderr, status: await child.exited };
  },
  captured: async (given: { command: Command; timeoutMs: number } & Omit<CaptureOptions, "signal">) => {
    const { command, timeoutMs, ...options } = given;
    return await runCaptured(command, { ...options, signal: AbortSignal.timeout(timeoutMs) });
  },
  unix: async (given: Said & { readonly path: string }) =>
    await echo(await dialUnix(given.path, forEver), given),
  tcp: async (given: Said & { readonly host: string; readonly port: number; readonly tls: DialTls | null }) =>
    await echo(await dialTcp(given.host, given.port, given.tls, forEver), given),
  program: async (given: Said & { readonly argv: readonly string[] }) =>
    await echo(dialProgram(given.argv, { PATH: "/usr/bin:/bin" }), given),
  direct: async ({ url }: { readonly url: string }) => ({
    text: await (await fetchDirectly(url, {})).text(),
  }),
  post: async ({
    url,
    gzip,
    tls,
  }: {
    readonly url: string;
    readonly gzip: boolean;
    readonly tls: PostTls;
  }) => {
    const options = {
      url,
      gzip,
      tls,
      headers: { "X-Probe": "1" },
      body: Buffer.from("said"),
      signal: forEver,
    };
    const { status, body } = await post(options);
    return { status, text: Buffer.from(body).toString("utf8") };
  },
} as const;

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return "code" in error ? String(error.code) : error.name;
}

export type Probe = keyof typeof PROBES;

if (import.meta.main) {
  const [name = "", given = "{}"] = process.argv.slice(2);
  const probe = PROBES[name as Probe] as (given: unknown) => Promise<unknown>;
  const answer = await probe(JSON.parse(given)).catch((error: unknown) => ({
    failed: codeOf(error),
    why: error instanceof Error ? error.message : "",
  }));
  say(answer);
  process.exit(0);
}
