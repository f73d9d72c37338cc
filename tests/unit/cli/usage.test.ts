import { describe, expect, test } from "bun:test";
import { DEV_FLAGS } from "../../../src/cli/dev-flags.ts";
import { renderHelp } from "../../../src/cli/usage.ts";
import { versionText } from "../../../src/cli/version.ts";
import { runFlags } from "../../../src/config/flags.ts";

describe("the help", () => {
  test("of the program names each flag that is not hidden, each command and an example", async () => {
    const help = await renderHelp(null, false);
    for (const [name, flag] of Object.entries(runFlags())) {
      expect([name, help.includes(`--${name}`)]).toEqual([name, flag.hidden !== true]);
    }
    for (const text of [
      "run|doctor|version|health|service|dev|completions",
      "--help",
      "-v, --volumes",
      "-e, --env",
      "EXAMPLES",
      "local control plane",
    ]) {
      expect(help).toContain(text);
    }
  });

  test("of dev names its own flags beside those of run", async () => {
    const help = await renderHelp("dev", false);
    for (const name of [...Object.keys(DEV_FLAGS), "worker-id"]) expect(help).toContain(`--${name}`);
  });

  test("of doctor names the flags of run, and its own", async () => {
    const help = await renderHelp("doctor", false);
    for (const name of ["json", "worker-id", "config-file", "backend"]) expect(help).toContain(`--${name}`);
  });

  test("of version is about version", async () => {
    const help = await renderHelp("version", false);
    expect(help).toContain("--json");
    expect(help).not.toContain("--worker-id");
  });

  test("is plain text without trailing blanks when nobody looks at it", async () => {
    for (const topic of [null, "run", "doctor", "version", "dev"] as const) {
      const help = await renderHelp(topic, false);
      expect(help).not.toContain("\u001b");
      expect(help).not.toMatch(/[ \t]\n/);
    }
  });
});

describe("the version", () => {
  test("is one line for people", () => {
    expect(versionText(false)).toMatch(/^oz-agent-worker \S+ \(commit \S+, bun \S+, \S+ \S+\)$/);
  });

  test("is one object for machines", () => {
    const facts: unknown = JSON.parse(versionText(true));
    expect(facts).toEqual({
      version: expect.any(String),
      commit: expect.any(String),
      bun: process.versions.bun,
      platform: process.platform,
      arch: process.arch,
    });
  });
});
