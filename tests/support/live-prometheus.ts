/** Debian's Prometheus, as it is installed or unpacked beside the system, for tests against the real one. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

export interface PrometheusPrograms {
  readonly prometheus: string;
  readonly promtool: string;
}

/** The programs, or why there are none here. Fetches them as root in CI only: a user's machine is left as it is. */
export function findPrometheus(): PrometheusPrograms | string {
  const installed = { prometheus: Bun.which("prometheus"), promtool: Bun.which("promtool") };
  if (installed.prometheus !== null && installed.promtool !== null) {
    return { prometheus: installed.prometheus, promtool: installed.promtool };
  }
  const cache = process.env["XDG_CACHE_HOME"] || join(process.env["HOME"] || homedir(), ".cache");
  const folder = join(cache, "oz-agent-worker", `prometheus-${process.arch}`);
  const unpacked = {
    prometheus: join(folder, "usr/bin/prometheus"),
    promtool: join(folder, "usr/bin/promtool"),
  };
  if (existsSync(unpacked.prometheus)) return unpacked;
  if (process.env["CI"] !== "true") return "prometheus and promtool are not installed";
  const why = unpack(folder);
  return why ?? unpacked;
}

/** Unpacked and not installed, so that no service starts by itself. @returns why it did not work */
function unpack(folder: string): string | null {
  const staging = `${folder}.${process.pid}`;
  mkdirSync(staging, { recursive: true });
  try {
    const download = () => run(["apt-get", "download", "-q", "prometheus"], staging);
    let why = download();
    if (why !== null) why = run(["apt-get", "update", "-q"], staging) ?? download();
    if (why !== null) return why;
    const [archive = ""] = readdirSync(staging).filter((name) => name.endsWith(".deb"));
    const root = join(staging, "root");
    why = run(["dpkg-deb", "-x", join(staging, archive), root], staging);
    if (why !== null) return why;
    rmSync(folder, { recursive: true, force: true });
    renameSync(root, folder);
    return null;
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

function run(argv: readonly string[], cwd: string): string | null {
  if (Bun.which(argv[0] ?? "") === null) return `there is no ${argv[0]}`;
  const { exitCode, stderr } = Bun.spawnSync([...argv], { cwd, stdout: "ignore", stderr: "pipe" });
  return exitCode === 0 ? null : `${argv.join(" ")}: ${stderr.toString().trim()}`;
}
