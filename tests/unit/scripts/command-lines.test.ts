/** What the scripts make of a command line that they do not understand: nothing, and they say what they take. */
import { describe, expect, test } from "bun:test";
import { resolve } from "node:path";

const ROOT = resolve(import.meta.dir, "../../..");

async function run(line: string): Promise<{ readonly status: number; readonly said: string }> {
  const [script, ...args] = line.split(" ");
  const child = Bun.spawn([process.execPath, `scripts/${script}.ts`, ...args], {
    cwd: ROOT,
    // Should one begin all the same, it does not get far.
    env: { PATH: process.env["PATH"] ?? "", OZ_TEST_BINARY: "/nonexistent/worker" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const said = await child.stderr.text();
  return { status: await child.exited, said };
}

/**
 * `bench --help` was a stack trace, `bench --only start,one` ran nothing and was content, `generate --chek` wrote the
 * files, and the profiles began their minutes of work whatever they were asked.
 */
describe("a script refuses", () => {
  test.each([
    ["bench --help", "bench [--smoke] [--only NAME]..."],
    ["bench --only start,one", "There is no figure start,one: choose from start idle one burst"],
    ["build --help", "build [--outfile PATH] [--target TARGET]"],
    ["build --only linux-x64 --outfile /dev/null/x", "--only goes with --all"],
    ["build --all --packages --outdir /dev/null/x", "--all and --packages are two runs"],
    ["build --target linux --outfile /dev/null/x", "There is no target linux"],
    ["check --help", "check.ts [--fix] [--only NAME]..."],
    ["check --only nothing", "There is no rule nothing: choose from"],
    ["demo docker direct", "demo [direct|docker]"],
    ["demo podman", "There is no demo podman: choose from direct docker"],
    ["generate --chek", "generate.ts [--check]"],
    ["profile-order --help", "profile-order.ts takes no arguments"],
    ["profile-start --help", "profile-start.ts takes no arguments"],
    [
      "services/start-services --only nothing -- true",
      "There is no service nothing: choose from docker-debian",
    ],
    ["services/start-services --only registry", "start-services.ts [--only NAME]... -- COMMAND..."],
    ["test --help", "There is no step --help: choose from check build unit"],
  ])("%s", async (line, words) => {
    const { status, said } = await run(line);
    expect(said).toContain(words);
    expect([status, said.includes("    at ")]).toEqual([2, false]);
  });
});
