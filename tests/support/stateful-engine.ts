/**
 * A container engine that keeps state as real ones do, as far as it matters here: a name is given once,
 * a volume in use stays, an event is told to whoever listens. What runs in its containers, and how its
 * answers get lost, is for the test to say.
 */
import { createHash, randomBytes } from "node:crypto";
import type { ServerResponse } from "node:http";
import { tarOf } from "../../scripts/services/tar.ts";
import { chooseEndpoint } from "../../src/backends/docker/engine/endpoint-choice.ts";
import { Engine } from "../../src/backends/docker/engine/engine.ts";
import { cut, FakeEngine, type FakeRequest, json } from "./fake-engine.ts";
import {
  barely,
  type CreateBody,
  inspected,
  listed,
  NEVER,
  type StoredContainer,
  type StoredVolume,
  type Texts,
  type Times,
  told,
} from "./stored-by-engine.ts";

export type { StoredContainer, StoredVolume } from "./stored-by-engine.ts";

/** What is done to the one request that it is for. */
export type Mishap =
  /** Done or not, its answer never comes: the connection is cut. */
  | "lost before"
  | "lost after"
  /** Done, and answered with something else: by a proxy that is broken, or for somebody else. */
  | { readonly instead: string }
  | { readonly status: number; readonly words: string };

interface Refusal {
  readonly method: string;
  readonly path: RegExp;
  readonly status: number;
  /** A page of a router's, or the engine's own words. */
  readonly page: string | null;
}

interface Ambush {
  readonly method: string;
  readonly path: RegExp;
  readonly met: PromiseWithResolvers<FakeRequest>;
  /** What happens to it; waited for. */
  readonly fate: Promise<Mishap | "none">;
}

export interface Held {
  /** Resolves when the request has come. */
  readonly arrived: Promise<FakeRequest>;
  release(mishap?: Mishap): void;
}

interface Reply {
  readonly status: number;
  readonly body?: unknown;
}

type Listener = (event: Told) => void;

interface Told {
  readonly action: string;
  /** Seconds since 1970. */
  readonly at: number;
  /** As it is written. */
  readonly line: string;
}

/** Of a container or a volume. */
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** Of a container whose image is no matter. */
const ANY_IMAGE = "sha256:0";
const OK: Reply = { status: 204 };

export class StatefulEngine implements AsyncDisposable {
  readonly http: FakeEngine;
  readonly containers = new Map<string, StoredContainer>();
  readonly volumes = new Map<string, StoredVolume>();
  /** References that pulls have brought. */
  readonly images = new Set<string>();
  /** Labels of the images that containers were made of, by id. */
  readonly imageLabels = new Map<string, Texts>([[ANY_IMAGE, {}]]);
  /** The name of every container that was made, in order. */
  readonly made: string[] = [];
  /** Every volume that was filled, in order. */
  readonly fillings: string[] = [];
  /** What containers have printed, framed. */
  output: Uint8Array = new Uint8Array(0);
  /** False: nobody hears of anything. */
  tellsEvents = true;
  /** As podman: a volume that is to be removed may be named by its beginning. */
  takesBeginnings = false;
  /** False: of a list it tells all, whatever was asked for. */
  heedsFilters = true;
  /** True: of one container it tells its state, and no more. */
  tellsStateOnly = false;
  /** Of what is said of a container. */
  times: Times = "told";
  private readonly listeners = new Set<Listener>();
  private past: Told[] = [];
  private readonly ambushes: Ambush[] = [];
  private readonly refusals = new Set<Refusal>();
  private readonly changes = new Set<() => void>();

  private constructor(http: FakeEngine) {
    this.http = http;
    const ours = /^\/(containers|volumes|images|events)(\/|$)/;
    for (const method of ["GET", "POST", "PUT", "DELETE"]) {
      http.on(method, ours, (response, request) => this.answer(response, request));
    }
  }

  static async start(api = "1.41"): Promise<StatefulEngine> {
    return new StatefulEngine(await FakeEngine.start({ api }));
  }

  connect(): Promise<Engine> {
    const chosen = chooseEndpoint({ DOCKER_HOST: this.http.host });
    return Engine.connect(chosen, {}, AbortSignal.timeout(10_000));
  }

  /** How many streams of events are open. */
  get listening(): number {
    return this.listeners.size;
  }

  /** Its containers go on, what it remembers of events does not: as a restart with live-restore. */
  async goAway(): Promise<void> {
    await this.http.stop();
    this.listeners.clear();
    this.past = [];
  }

  async comeBack(): Promise<void> {
    await this.http.startAgain();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.http[Symbol.asyncDispose]();
  }

  /** Of the next request that fits. */
  mishap(method: string, path: RegExp, mishap: Mishap): void {
    this.hold(method, path).release(mishap);
  }

  /** Of every request that fits, until the function is called that it returns. */
  refuse(method: string, path: RegExp, status = 500, page: string | null = null): () => void {
    const refusal = { method, path, status, page };
    this.refusals.add(refusal);
    return () => void this.refusals.delete(refusal);
  }

  /** The next request that fits waits, before anything is done. */
  hold(method: string, path: RegExp): Held {
    const met = Promise.withResolvers<FakeRequest>();
    const fate = Promise.withResolvers<Mishap | "none">();
    this.ambushes.push({ method, path, met, fate: fate.promise });
    return { arrived: met.promise, release: (mishap) => fate.resolve(mishap ?? "none") };
  }

  /** Resolves with the first answer that is neither undefined nor false, now or after a change or a request. */
  async until<T>(probe: () => T | undefined | false): Promise<T> {
    for (;;) {
      const found = probe();
      if (found !== undefined && found !== false) return found;
      await new Promise<void>((resolve) => {
        const once = () => {
          this.changes.delete(once);
          resolve();
        };
        this.changes.add(once);
      });
    }
  }

  find(idOrName: string): StoredContainer | undefined {
    return this.containers.get(idOrName) ?? [...this.containers.values()].find((c) => c.name === idOrName);
  }

  withRole(role: string): StoredContainer[] {
    return [...this.containers.values()].filter(({ labels }) => labels["oz-role"] === role);
  }

  volumesWithRole(role: string): StoredVolume[] {
    return [...this.volumes.values()].filter(({ labels }) => labels["oz-role"] === role);
  }

  /** The first task's container that runs. */
  running(): Promise<StoredContainer> {
    return this.until(() => this.withRole("task").find(({ status }) => status === "running"));
  }

  add(
    name: string,
    labels: Texts,
    status = "running",
    binds: readonly string[] = [],
    image = ANY_IMAGE,
  ): StoredContainer {
    const body = { Image: image, Labels: labels, HostConfig: { Binds: binds } };
    const container = this.make(name, body);
    container.status = status;
    if (status !== "created") container.startedAt = new Date().toISOString();
    return container;
  }

  /** As `docker commit` and `docker run` of what that makes: a container of somebody's own. */
  addCopy(name: string, { labels }: StoredContainer): StoredContainer {
    const image = `sha256:${randomBytes(32).toString("hex")}`;
    this.imageLabels.set(image, labels);
    return this.add(name, labels, "running", [], image);
  }

  addVolume(name: string, labels: Texts = {}, files = ""): StoredVolume {
    const volume = { name, labels, createdAt: new Date().toISOString(), files };
    this.volumes.set(name, volume);
    this.changed();
    return volume;
  }

  end(container: StoredContainer, exitCode: number, oomKilled = false): void {
    if (container.status !== "running") return;
    Object.assign(container, {
      status: "exited",
      exitCode,
      oomKilled,
      finishedAt: new Date().toISOString(),
    });
    container.ended.resolve();
    this.tell("die", container.id);
  }

  drop(container: StoredContainer): void {
    this.end(container, 137);
    this.containers.delete(container.id);
    this.tell("destroy", container.id);
  }

  private changed(): void {
    for (const once of [...this.changes]) once();
  }

  /** An event of a container, to whoever listens. */
  tell(action: string, id: string): void {
    const at = Date.now() / 1000;
    const line = `${JSON.stringify({ Type: "container", Action: action, Actor: { ID: id }, time: at })}\n`;
    const event = { action, at, line };
    if (this.tellsEvents) {
      this.past.push(event);
      for (const listener of this.listeners) listener(event);
    }
    this.changed();
  }

  private async answer(response: ServerResponse, request: FakeRequest): Promise<void> {
    const { method, path, query } = request;
    this.changed();
    for (const refusal of this.refusals) {
      if (refusal.method !== method || !refusal.path.test(path)) continue;
      if (refusal.page !== null) return void response.writeHead(refusal.status).end(refusal.page);
      return json(response, { message: `${path}: operation not permitted` }, refusal.status);
    }
    const index = this.ambushes.findIndex((one) => one.method === method && one.path.test(path));
    const [ambush] = index < 0 ? [] : this.ambushes.splice(index, 1);
    ambush?.met.resolve(request);
    const fate = (await ambush?.fate) ?? "none";
    if (fate === "lost before") return cut(response);
    // As its router does with an empty id.
    if (path.includes("//"))
      return void response.writeHead(301, { Location: path.replace("//", "/") }).end("Moved Permanently");
    if (typeof fate === "object" && "status" in fate)
      return json(response, { message: fate.words }, fate.status);
    if (typeof fate === "object" && method === "GET") return void response.end(fate.instead);
    if (method === "GET" && path === "/events") return this.stream(response, query);
    if (method === "GET" && path.endsWith("/export") && this.find(path.split("/")[2] ?? ""))
      return void response.end(tarOf([{ path: "files", kind: "file", content: `files of ${path}` }]));
    if (method === "GET" && path.endsWith("/logs")) return this.print(response);
    const reply = await this.handle(request);
    if (fate === "lost after") return cut(response);
    if (typeof fate === "object") return void response.end(fate.instead);
    json(response, reply.body ?? null, reply.status);
  }

  private print(response: ServerResponse): void {
    response.writeHead(200, { "Content-Type": "application/vnd.docker.multiplexed-stream" });
    response.end(this.output);
  }

  private stream(response: ServerResponse, query: URLSearchParams): void {
    response.writeHead(200, { "Content-Type": "application/json" });
    response.flushHeaders();
    const since = Number(query.get("since") ?? Number.POSITIVE_INFINITY);
    const { event: wanted } = JSON.parse(query.get("filters") ?? "{}") as { event?: readonly string[] };
    const listener: Listener = ({ action, line }) => {
      if (wanted === undefined || wanted.includes(action)) response.write(line);
    };
    for (const event of this.past) if (event.at >= since) listener(event);
    this.listeners.add(listener);
    response.on("close", () => {
      this.listeners.delete(listener);
      this.changed();
    });
    this.changed();
  }

  private handle(request: FakeRequest): Reply | Promise<Reply> {
    const [, kind = "", id = "", action = ""] = request.path.split("/");
    if (kind === "volumes") return this.onVolumes(request, id);
    if (kind === "images") return this.onImages(request);
    if (id === "create") return this.onCreate(request);
    if (id === "json") return this.onList(request);
    const container = this.find(id);
    if (container === undefined) return { status: 404, body: { message: `No such container: ${id}` } };
    if (request.method === "DELETE") return this.onRemove(container, request);
    if (request.method === "PUT") return this.onArchive(container, request);
    return this.onContainer(container, action, request);
  }

  private onContainer(
    container: StoredContainer,
    action: string,
    { query }: FakeRequest,
  ): Reply | Promise<Reply> {
    switch (action) {
      case "json":
        return { status: 200, body: (this.tellsStateOnly ? barely : inspected)(container, this.times) };
      case "start":
        if (container.status === "running") return { status: 304 };
        container.status = "running";
        container.startedAt = new Date().toISOString();
        this.tell("start", container.id);
        return OK;
      case "stop":
        return this.onStop(container);
      case "kill":
        if (container.status !== "running") return { status: 409, body: { message: "is not running" } };
        this.end(container, 137);
        return OK;
      case "rename":
        return this.refusedName(query) ?? this.rename(container, query);
      default:
        return { status: 404, body: { message: `page not found: ${action}` } };
    }
  }

  private async onStop(container: StoredContainer): Promise<Reply> {
    if (container.status === "restarting") {
      container.status = "exited";
      return OK;
    }
    if (container.status !== "running") return { status: 304 };
    if (!container.stubborn) this.end(container, 143);
    await container.ended.promise;
    return OK;
  }

  private rename(container: StoredContainer, query: URLSearchParams): Reply {
    container.name = query.get("name") ?? "";
    this.changed();
    return OK;
  }

  private onCreate({ query, body }: FakeRequest): Reply {
    const refusal = this.refusedName(query);
    if (refusal !== null) return refusal;
    const container = this.make(query.get("name") ?? "", JSON.parse(body.toString()));
    return { status: 201, body: { Id: container.id, Warnings: [] } };
  }

  /** Null: a container may have it. */
  private refusedName(query: URLSearchParams): Reply | null {
    const name = query.get("name") ?? "";
    if (!NAME.test(name)) return invalid(name);
    if (this.find(name) === undefined) return null;
    return { status: 409, body: { message: `Conflict. The container name "/${name}" is already in use` } };
  }

  private make(name: string, body: CreateBody): StoredContainer {
    for (const volume of volumesOf(body)) if (!this.volumes.has(volume)) this.addVolume(volume);
    const container: StoredContainer = {
      id: randomBytes(32).toString("hex"),
      name,
      body,
      labels: body.Labels ?? {},
      createdAt: Math.floor(Date.now() / 1000),
      status: "created",
      exitCode: 0,
      oomKilled: false,
      startedAt: NEVER,
      finishedAt: NEVER,
      stubborn: false,
      ended: Promise.withResolvers(),
    };
    this.containers.set(container.id, container);
    this.made.push(name);
    this.tell("create", container.id);
    return container;
  }

  private onList({ query }: FakeRequest): Reply {
    const isListed = ({ status }: StoredContainer) => query.get("all") === "true" || status === "running";
    const found = [...this.containers.values()].filter(
      (one) => isListed(one) && this.isAskedFor(one.labels, query),
    );
    // The newest first.
    return { status: 200, body: found.reverse().map(listed) };
  }

  private isAskedFor(labels: Texts, query: URLSearchParams): boolean {
    return !this.heedsFilters || fits(labels, query);
  }

  private onRemove(container: StoredContainer, { query }: FakeRequest): Reply {
    if (container.status === "running" && query.get("force") !== "true") {
      return { status: 409, body: { message: "cannot remove a running container" } };
    }
    this.drop(container);
    return OK;
  }

  private onArchive(container: StoredContainer, { query, body }: FakeRequest): Reply {
    const bind = container.body.HostConfig?.Binds?.find((one) => one.split(":")[1] === query.get("path"));
    const volume = this.volumes.get(bind?.split(":")[0] ?? "");
    if (volume === undefined) return { status: 404, body: { message: "no such path" } };
    volume.files += /files of [^\0]*/.exec(body.toString())?.[0] ?? "";
    this.fillings.push(volume.name);
    this.changed();
    return { status: 200 };
  }

  private onVolumes({ method, query, body }: FakeRequest, name: string): Reply {
    if (name === "create") {
      const asked = JSON.parse(body.toString()) as { Name: string; Labels?: Texts };
      if (!NAME.test(asked.Name)) return invalid(asked.Name);
      const volume = this.volumes.get(asked.Name) ?? this.addVolume(asked.Name, asked.Labels);
      return { status: 201, body: told(volume) };
    }
    if (name === "") {
      const found = [...this.volumes.values()].filter(({ labels }) => this.isAskedFor(labels, query));
      // Of none older engines say null.
      return { status: 200, body: { Volumes: found.length === 0 ? null : found.map(told) } };
    }
    const byBeginning = this.takesBeginnings && method === "DELETE" && !this.volumes.has(name);
    const isMeant = (one: StoredVolume) => (byBeginning ? one.name.startsWith(name) : one.name === name);
    const [volume, another] = [...this.volumes.values()].filter(isMeant);
    if (another !== undefined) return { status: 500, body: { message: "more than one result" } };
    if (volume === undefined) return { status: 404, body: { message: `get ${name}: no such volume` } };
    if (method === "GET") return { status: 200, body: told(volume) };
    if ([...this.containers.values()].some((one) => volumesOf(one.body).includes(volume.name))) {
      return { status: 409, body: { message: `remove ${name}: volume is in use` } };
    }
    this.volumes.delete(volume.name);
    this.changed();
    return OK;
  }

  private onImages({ method, path, query }: FakeRequest): Reply {
    if (method === "POST") {
      this.images.add(`${query.get("fromImage") ?? query.get("repo")}:${query.get("tag")}`);
      this.changed();
      return { status: 200, body: { status: "Pull complete" } };
    }
    const reference = path.slice("/images/".length, -"/json".length);
    const Labels = this.imageLabels.get(reference);
    if (Labels !== undefined) return { status: 200, body: { Id: reference, Config: { Labels } } };
    if (!this.images.has(reference)) return { status: 404, body: { message: `No such image: ${reference}` } };
    const digest = `sha256:${createHash("sha256").update(reference).digest("hex")}`;
    const RepoDigests = [`${reference.split(":")[0]}@${digest}`];
    return { status: 200, body: { Id: digest, RepoDigests, Os: "linux", Architecture: "arm64" } };
  }
}

function invalid(name: string): Reply {
  const message = `Invalid name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`;
  return { status: 400, body: { message } };
}

function volumesOf({ HostConfig }: CreateBody): string[] {
  return (HostConfig?.Binds ?? [])
    .map((bind) => bind.split(":")[0] ?? "")
    .filter((name) => !name.startsWith("/"));
}

function fits(labels: Texts, query: URLSearchParams): boolean {
  const { label = [] } = JSON.parse(query.get("filters") ?? "{}") as { label?: string[] };
  return label.every((wanted) => {
    const [name = "", value] = wanted.split(/=(.*)/s);
    return value === undefined ? name in labels : labels[name] === value;
  });
}
