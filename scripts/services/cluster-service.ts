/** The cluster that all live tests of the Kubernetes backend share, as a service of a test run. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { outputOf, type RunningService, requireConsent, type Service } from "./service.ts";

const program = join(import.meta.dir, "cluster");
const helm = join(import.meta.dir, "build-helm");

/** Tells the tests where the state of a running cluster is: `OZ_CLUSTER_DIR`. */
export function clusterService(): Service {
  return { name: "cluster", start };
}

async function start(): Promise<RunningService> {
  requireConsent("A Kubernetes for tests");
  // Minutes, when nothing is in the cache: no test should wait for it.
  for (const command of [[program, "build"], [helm]]) await build(command);
  const dir = await mkdtemp(join(tmpdir(), "oz-cluster-"));
  const env = { OZ_CLUSTER_DIR: dir };
  // However this process ends, the cluster goes down after it.
  await outputOf([program, "up"], { env: { ...env, OZ_CLUSTER_OWNER: String(process.pid) } });
  return {
    env,
    [Symbol.asyncDispose]: async () => {
      await outputOf([program, "down"], { env });
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** What it says while it builds is seen, for silence of minutes looks like a stop. */
async function build(command: readonly string[]): Promise<void> {
  const child = Bun.spawn([...command], { stdio: ["ignore", "ignore", "inherit"] });
  const status = await child.exited;
  if (status !== 0) throw new Error(`${command.join(" ")} ended with status ${status}: its words are above`);
}
