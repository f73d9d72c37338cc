/** The Helm chart as a test uses it: rendered, checked by the cluster, installed with the compiled worker. */
import { copyFile, cp, mkdir } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { dirname, join, resolve } from "node:path";
import { parseAllDocuments } from "yaml";
import { builtBy, type Finished, type LiveCluster, run } from "./live-cluster.ts";
import { TempDir } from "./temp-dir.ts";
import { workerCommand } from "./worker-process.ts";

export const CHART = resolve(import.meta.dir, "../../charts/oz-agent-worker");
export const WORKER_IMAGE = "docker.io/oz-test/worker";

export type Values = Readonly<Record<string, unknown>>;

// biome-ignore lint/suspicious/noExplicitAny: an object of the cluster, as the chart writes it
export type Manifest = any;

export async function helm(...args: readonly string[]): Promise<Finished> {
  return await run([await builtBy("build-helm"), ...args]);
}

/** @throws with helm's words when the chart refuses the values */
export async function render(values: Values, ...args: readonly string[]): Promise<Manifest[]> {
  await using dir = await TempDir.create("values");
  const file = await dir.write("values.json", JSON.stringify(values));
  const { status, stdout, stderr } = await helm("template", "live", CHART, "--values", file, ...args);
  if (status !== 0) throw new Error(stderr);
  const documents = parseAllDocuments(stdout);
  return documents.map((document) => document.toJS()).filter((object) => object !== null);
}

export function findKind(manifests: readonly Manifest[], kind: string): Manifest {
  const found = manifests.filter((manifest) => manifest.kind === kind);
  if (found.length !== 1) throw new Error(`There are ${found.length} of kind ${kind}, not one`);
  return found[0];
}

/** The executable under test and the few files of the C library that it needs, on nothing else. */
export async function loadWorkerImage(cluster: LiveCluster): Promise<void> {
  const [executable = "", ...more] = workerCommand();
  if (more.length > 0) throw new Error("The image needs the executable: run scripts/build");
  await using dir = await TempDir.create("worker-image");
  const root = await dir.mkdir("root");
  await copyFile(executable, join(root, "oz-agent-worker"));
  const { stdout } = await run(["ldd", executable]);
  for (const [, library = ""] of stdout.matchAll(/(\/\S+\.so\S*) \(/g)) {
    await mkdir(join(root, dirname(library)), { recursive: true });
    await cp(library, join(root, library), { dereference: true });
  }
  await cluster.loadImage(`${WORKER_IMAGE}:1`, root, "/oz-agent-worker");
}

/** Lets pods reach what listens on this host's loopback address only. */
export class Relay implements AsyncDisposable {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(address: string, port: number): Promise<Relay> {
    const server = createServer((from) => {
      const to = connect(port, "127.0.0.1");
      from.pipe(to).pipe(from);
      from.on("error", () => to.destroy());
      to.on("error", () => from.destroy());
    });
    await new Promise<void>((listening, failed) => {
      server.once("error", failed);
      server.listen(0, address, listening);
    });
    return new Relay(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
  }
}
