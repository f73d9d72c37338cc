/**
 * A real Kubernetes for the live tests: the one whose state is in OZ_CLUSTER_DIR, else one of this process's
 * own, which goes down after it.
 */
import { createHash, createSign } from "node:crypto";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { clusterService } from "../../scripts/services/cluster-service.ts";
import { requireConsent } from "../../scripts/services/service.ts";

const repository = resolve(import.meta.dir, "../..");
const program = join(repository, "scripts/services/cluster");
const COMMAND_TIMEOUT_MS = 120_000;
const BUILD_TIMEOUT_MS = 15 * 60_000;

export interface Finished {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Why the tests that need a cluster cannot run here; null: they can. In CI they have to. */
export const noCluster: string | null = process.env["CI"] === "true" ? null : findObstacle();

if (noCluster !== null) process.stderr.write(`skip  tests on a real cluster: ${noCluster}\n`);

function findObstacle(): string | null {
  if (process.env["OZ_CLUSTER_DIR"] !== undefined) return null;
  try {
    requireConsent("A Kubernetes for tests");
    return null;
  } catch (error) {
    return process.env["OZ_TEST_WITHOUT_CLUSTER"] ?? String(error);
  }
}

export class LiveCluster {
  static #shared: Promise<LiveCluster> | undefined;
  readonly kubeconfig: string;
  /** The host's address as pods see it. */
  readonly gateway: string;
  readonly #dir: string;

  private constructor(dir: string, kubeconfig: string, gateway: string) {
    this.#dir = dir;
    this.kubeconfig = kubeconfig;
    this.gateway = gateway;
  }

  /** The one of this process. */
  static shared(): Promise<LiveCluster> {
    LiveCluster.#shared ??= LiveCluster.#start();
    return LiveCluster.#shared;
  }

  static async #start(): Promise<LiveCluster> {
    const obstacle = process.env["OZ_TEST_WITHOUT_CLUSTER"];
    if (obstacle !== undefined) throw new Error(`There is no cluster here: ${obstacle}`);
    const dir = process.env["OZ_CLUSTER_DIR"] ?? (await clusterService().start()).env["OZ_CLUSTER_DIR"] ?? "";
    const ask = async (what: string) =>
      (await runOrThrow([program, what], { OZ_CLUSTER_DIR: dir })).stdout.trim();
    return new LiveCluster(dir, await ask("kubeconfig"), await ask("gateway"));
  }

  /** @returns what it printed. @throws with its words when it fails */
  async kubectl(...args: readonly string[]): Promise<string> {
    return (await this.#run("kubectl", args)).stdout;
  }

  /** The same, but a failure is a result. */
  tryKubectl(...args: readonly string[]): Promise<Finished> {
    return run([program, "kubectl", ...args], { OZ_CLUSTER_DIR: this.#dir });
  }

  // biome-ignore lint/suspicious/noExplicitAny: objects of the cluster, each test knows which
  async get(...args: readonly string[]): Promise<any> {
    return JSON.parse(await this.kubectl("get", ...args, "-o", "json"));
  }

  /** @returns with the server's warnings on standard error. @throws with its words when it refuses */
  apply(object: unknown, ...options: readonly string[]): Promise<Finished> {
    const argv = [program, "kubectl", "apply", "-f", "-", ...options];
    return runOrThrow(argv, { OZ_CLUSTER_DIR: this.#dir }, JSON.stringify(object));
  }

  /** Makes an image of what is in the folder; nothing is ever pulled. */
  async loadImage(name: string, folder: string, ...entrypoint: readonly string[]): Promise<void> {
    await this.#run("image", [name, folder, ...entrypoint]);
  }

  /** Kills one of the cluster's programs, and resolves when the cluster is ready again. */
  async restart(name: "kube-apiserver" | "kubelet" | "etcd"): Promise<void> {
    await this.#run("restart", [name]);
  }

  /** One of its programs stands still until that is disposed of: whatever runs goes on, and nobody hears of it. */
  stall(name: "kube-apiserver" | "kubelet"): Disposable {
    const [pid] = readFileSync(join(this.#dir, "pids", name), "utf8").split(" ");
    process.kill(Number(pid), "SIGSTOP");
    return { [Symbol.dispose]: () => void process.kill(Number(pid), "SIGCONT") };
  }

  /** A token as the cluster signs them, but long expired. */
  expiredToken(serviceAccount: string, namespace: string): string {
    const der = readFileSync(join(this.#dir, "pki/sa.pub"), "utf8").replace(/-----[^-]+-----|\s/g, "");
    const keyId = createHash("sha256").update(Buffer.from(der, "base64")).digest("base64url");
    const issuer = "https://kubernetes.default.svc.cluster.local";
    const claims = {
      aud: [issuer],
      exp: 1_700_003_600,
      iat: 1_700_000_000,
      nbf: 1_700_000_000,
      iss: issuer,
      sub: `system:serviceaccount:${namespace}:${serviceAccount}`,
    };
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const text = `${part({ alg: "ES256", kid: keyId })}.${part(claims)}`;
    const key = { key: readFileSync(join(this.#dir, "pki/sa.key")), dsaEncoding: "ieee-p1363" } as const;
    return `${text}.${createSign("sha256").update(text).sign(key).toString("base64url")}`;
  }

  get certificateAuthority(): string {
    return join(this.#dir, "pki/ca.crt");
  }

  /** `https://…` of the API server, from this host. */
  get server(): string {
    return /server: "?(https:[^",\s]+)/.exec(readFileSync(this.kubeconfig, "utf8"))?.[1] ?? "";
  }

  #run(command: string, args: readonly string[]): Promise<Finished> {
    return runOrThrow([program, command, ...args], { OZ_CLUSTER_DIR: this.#dir });
  }
}

/** Of a program in scripts/services, which prints a path: where what it built lies. */
export async function builtBy(script: string): Promise<string> {
  const path = join(repository, "scripts/services", script);
  return (await runOrThrow([path], {}, "", BUILD_TIMEOUT_MS)).stdout.trim();
}

export async function run(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
  input = "",
  timeoutMs = COMMAND_TIMEOUT_MS,
): Promise<Finished> {
  const child = Bun.spawn([...argv], {
    env: { ...process.env, ...env },
    stdin: Buffer.from(input),
    stdout: "pipe",
    stderr: "pipe",
    timeout: timeoutMs,
  });
  const [stdout, stderr, status] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { status, stdout, stderr };
}

async function runOrThrow(...args: Parameters<typeof run>): Promise<Finished> {
  const finished = await run(...args);
  if (finished.status === 0) return finished;
  throw new Error(
    `${args[0].join(" ")} ended with status ${finished.status}:\n${finished.stderr.slice(-4_000)}`,
  );
}
