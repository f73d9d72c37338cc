import { describe, expect, test } from "bun:test";
import { never } from "../../../src/async/wait.ts";
import { loadSettings } from "../../../src/cli/load-settings.ts";
import { parseCommandLine } from "../../../src/cli/parse.ts";
import { ConfigError } from "../../../src/config/config-error.ts";
import type { Settings } from "../../../src/config/settings.ts";
import type { Host } from "../../../src/config/state-dir.ts";
import { TempDir } from "../../support/temp-dir.ts";

const HOST: Host = { env: { WARP_API_KEY: "key" }, uid: 0, home: "/root", cwd: "/" };

function load(args: readonly string[], host: Partial<Host> = {}): Promise<Settings> {
  const line = parseCommandLine(args);
  if (line.command !== "run") throw new Error("not run");
  return loadSettings(line.flags, { ...HOST, ...host }, never());
}

async function problemsOf(args: readonly string[], host: Partial<Host> = {}): Promise<readonly string[]> {
  const error: unknown = await load(args, host).catch((reason) => reason);
  expect(error).toBeInstanceOf(ConfigError);
  return error instanceof ConfigError ? error.problems : [];
}

describe("the settings of a command line", () => {
  test("need no file", async () => {
    const settings = await load(["--worker-id", "w"]);
    expect(settings.workerId).toBe("w");
    expect(await settings.key.read()).toBe("key");
  });

  test("take up the file", async () => {
    await using folder = await TempDir.create();
    const key = await folder.write("key", "from file\n".replace(" ", "-"));
    const path = await folder.write("w.yaml", `worker_id: f\napi_key_file: ${key}\nbackend:\n  direct: {}\n`);
    const settings = await load(["--config-file", path]);
    expect(settings).toMatchObject({ workerId: "f", backend: { kind: "direct" } });
    expect(await settings.key.read()).toBe("from-file");
    expect(settings.key.label).toBe(`file ${key} (api_key_file)`);
  });
});

describe("what is wrong", () => {
  test("with flags, file, key and CA file is told in one go", async () => {
    await using folder = await TempDir.create();
    const path = await folder.write("w.yaml", "log_level: loud\nca_file: /none.pem\nshutdown_timeout: 1s\n");
    const problems = await problemsOf(["--config-file", path, "--nope"], {
      env: { WARP_API_KEY: "s3 cret" },
    });
    expect(problems).toEqual([
      "Unknown flag --nope",
      `${path}:1:12: log_level must be one of debug, info, warn, error, not "loud"`,
      "No worker id is given; give --worker-id ID, or worker_id in the config file",
      expect.stringContaining("cancel_grace_period (10s, the default) is longer than shutdown_timeout (1s)"),
      expect.stringContaining("The API key of WARP_API_KEY has white space"),
      'Cannot read the CA file "/none.pem" (ca_file): there is no such file',
    ]);
  });

  test("with the key alone is told alone", async () => {
    expect(await problemsOf(["--worker-id", "w"], { env: {} })).toEqual([
      expect.stringContaining("No API key is given"),
    ]);
    expect(await problemsOf(["--worker-id", "w", "--api-key-file", "/none"])).toEqual([
      'Cannot read the API key file "/none" (--api-key-file): there is no such file',
    ]);
  });

  test("with an unreadable file alone is told alone", async () => {
    expect(await problemsOf(["--config-file", "/none.yaml", "-v", "/a:/b"])).toEqual([
      'Cannot read the config file "/none.yaml": there is no such file',
    ]);
  });
});
