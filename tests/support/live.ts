/** What a live test needs of this machine, and what becomes of the test where it is not there. */
import { describe } from "bun:test";

/** Debian packages, and the programs by which their absence is known. */
export interface Need {
  readonly packages: readonly string[];
  readonly programs: readonly string[];
}

/**
 * Declares `body`, which is skipped aloud where a program is missing. In CI it is installed there
 * (as root), and what then is still missing fails.
 */
export function liveDescribe(title: string, need: Need, body: () => void): void {
  const inCi = process.env["CI"] === "true";
  if (inCi && missing(need).length > 0) install(need.packages);
  const absent = missing(need);
  const why = `there is no ${absent.join(", no ")}; apt-get install ${need.packages.join(" ")}`;
  if (absent.length === 0) describe(title, body);
  else if (inCi) throw new Error(`${title}: ${why}`);
  else {
    process.stderr.write(`skip  ${title}: ${why}\n`);
    describe.skip(title, body);
  }
}

/** Daemons are in folders that a user's PATH does not name. */
export const LIVE_PATH = `${process.env["PATH"] ?? "/usr/bin:/bin"}:/usr/sbin:/sbin`;

function missing({ programs }: Need): string[] {
  const absent = programs.filter((name) => Bun.which(name, { PATH: LIVE_PATH }) === null);
  return process.getuid?.() === 0 ? absent : [...absent, "root"];
}

function install(packages: readonly string[]): void {
  const env = { PATH: LIVE_PATH, DEBIAN_FRONTEND: "noninteractive" };
  for (const step of [["update"], ["install", "-y", "--no-install-recommends", ...packages]]) {
    const { exitCode, stderr } = Bun.spawnSync(["apt-get", "-q", ...step], { env, stdin: "ignore" });
    if (exitCode !== 0) process.stderr.write(`apt-get ${step[0]}: ${stderr.toString().slice(-500)}\n`);
  }
}
