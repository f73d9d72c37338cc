/**
 * Tasks in containers of a Docker engine, with images made here: a static busybox, and examples/agent.sh
 * as the sidecar at /agent. Nothing is pulled, and all of it is removed at the end.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { DockerEngine } from "../services/docker-engine.ts";
import { mayProvide, Unavailable } from "../services/service.ts";
import { type TarEntry, tarOf } from "../services/tar.ts";
import { baseEntries } from "../services/test-images.ts";
import type { Stage } from "./stage.ts";

const TASK_IMAGE = "oz-demo/task:1";
const AGENT_IMAGE = "oz-demo/agent:1";
const WORKER_LABEL = "oz-worker-id=demo@dev";
const DEFAULT_SOCKET = "/var/run/docker.sock";

/** An engine that answers, else one of our own where one may be started. @throws Unavailable */
export async function dockerStage(root: string): Promise<Stage> {
  await using stack = new AsyncDisposableStack();
  const told = process.env["DOCKER_HOST"] || `unix://${DEFAULT_SOCKET}`;
  let socket = told.replace(/^unix:\/\//, "");
  if (!(await answers(socket))) {
    if (!mayProvide()) {
      throw new Unavailable(
        `No Docker engine answers at ${told}: start it, or give its socket as DOCKER_HOST`,
      );
    }
    socket = stack.use(await DockerEngine.start({ flavour: "debian" })).socket;
  }
  const engine = new DemoEngine(socket);
  stack.defer(() => engine.clear());
  const agent = new Uint8Array(await Bun.file(join(root, "examples/agent.sh")).arrayBuffer());
  await engine.importImage(TASK_IMAGE, await baseEntries());
  await engine.importImage(AGENT_IMAGE, [
    { path: "entrypoint.sh", kind: "file", content: agent, mode: 0o755 },
  ]);
  const running = stack.move();
  return {
    what: `in containers of the engine at ${socket}`,
    backend: { docker: { image_pull_policy: "never" } },
    env: { DOCKER_HOST: `unix://${socket}` },
    ownAgent: true,
    assignment: { docker_image: TASK_IMAGE, sidecar_image: AGENT_IMAGE },
    leftBy: (taskId) => engine.changedBy(taskId),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

async function answers(socket: string): Promise<boolean> {
  if (!existsSync(socket)) return false;
  return await fetch("http://docker/_ping", { unix: socket, signal: AbortSignal.timeout(5_000) }).then(
    ({ ok }) => ok,
    () => false,
  );
}

class DemoEngine {
  readonly #socket: string;

  constructor(socket: string) {
    this.#socket = socket;
  }

  async importImage(name: string, entries: readonly TarEntry[]): Promise<void> {
    const [repository, tag] = name.split(":");
    await this.#ask("POST", `/images/create?fromSrc=-&repo=${repository}&tag=${tag}`, tarOf(entries));
  }

  /** The files in its working folder, of its container that was kept. */
  async changedBy(taskId: string): Promise<readonly string[]> {
    const [container] = await this.#containers(`oz-task-id=${taskId}`);
    if (container === undefined) return [];
    const changes = (await this.#ask("GET", `/containers/${container}/changes`)) as { Path: string }[] | null;
    return (changes ?? []).map(({ Path }) => Path).filter((path) => /^\/workspace\/[^/]+$/.test(path));
  }

  /** What the demo has made, and nothing else. */
  async clear(): Promise<void> {
    for (const id of await this.#containers(WORKER_LABEL)) {
      await this.#ask("DELETE", `/containers/${id}?force=1&v=1`).catch(() => undefined);
    }
    const filters = encodeURIComponent(JSON.stringify({ label: [WORKER_LABEL] }));
    const { Volumes } = (await this.#ask("GET", `/volumes?filters=${filters}`)) as {
      Volumes: { Name: string }[] | null;
    };
    for (const { Name } of Volumes ?? [])
      await this.#ask("DELETE", `/volumes/${Name}`).catch(() => undefined);
    for (const image of [TASK_IMAGE, AGENT_IMAGE]) {
      await this.#ask("DELETE", `/images/${image}?force=1`).catch(() => undefined);
    }
  }

  async #containers(label: string): Promise<string[]> {
    const filters = encodeURIComponent(JSON.stringify({ label: [label] }));
    const found = (await this.#ask("GET", `/containers/json?all=1&filters=${filters}`)) as { Id: string }[];
    return found.map(({ Id }) => Id);
  }

  async #ask(method: string, path: string, archive?: Uint8Array<ArrayBuffer>): Promise<unknown> {
    const response = await fetch(`http://docker${path}`, {
      method,
      unix: this.#socket,
      ...(archive === undefined ? {} : { body: archive, headers: { "Content-Type": "application/x-tar" } }),
    });
    const text = await response.text();
    if (!response.ok || text.includes('"error"')) throw new Error(`${method} ${path}: ${text.trim()}`);
    return method === "GET" ? JSON.parse(text) : text;
  }
}
