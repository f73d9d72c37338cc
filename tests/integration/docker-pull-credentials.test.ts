/** What goes with a pull as its credential: from the file, from real helper programs, or nothing. */
import { describe, expect, test } from "bun:test";
import { Credentials } from "../../src/backends/docker/images/credentials.ts";
import { ImagePuller } from "../../src/backends/docker/images/puller.ts";
import { identify } from "../../src/process/process-table.ts";
import { TempDir } from "../support/temp-dir.ts";
import { eventually, within } from "../support/wait.ts";
import { type RecordedLog, recordLog } from "../unit/logging/recorded-log.ts";
import { PullEngine } from "./docker-pull-engine.ts";

const HUB = "https://index.docker.io/v1/";
const base64 = (text: string) => Buffer.from(text).toString("base64");

class Site implements AsyncDisposable {
  readonly dir: TempDir;
  readonly far: PullEngine;
  readonly log: RecordedLog;
  readonly puller: ImagePuller;
  readonly #stack: AsyncDisposableStack;

  private constructor(
    dir: TempDir,
    far: PullEngine,
    puller: ImagePuller,
    log: RecordedLog,
    stack: AsyncDisposableStack,
  ) {
    this.dir = dir;
    this.far = far;
    this.puller = puller;
    this.log = log;
    this.#stack = stack;
  }

  static async create(config: unknown, helperLimitMs?: number): Promise<Site> {
    await using stack = new AsyncDisposableStack();
    const dir = stack.use(await TempDir.create("credentials"));
    const far = stack.use(await PullEngine.start());
    const engine = stack.use(await far.connect());
    const log = recordLog();
    const environment = {
      DOCKER_CONFIG: await dir.mkdir("docker"),
      PATH: `${await dir.mkdir("bin")}:/usr/bin:/bin`,
      SEEN: dir.join("seen"),
      WARP_API_KEY: "the-workers-own-key",
      BUN_OPTIONS: "--smol",
      DENO_DIR: "/x",
    };
    const limit = helperLimitMs === undefined ? {} : { helperLimitMs };
    const credentials = new Credentials({ environment, log, ...limit });
    const puller = new ImagePuller({ engine, credentials, policy: "always", log, random: () => 0 });
    const site = new Site(dir, far, puller, log, stack.move());
    await site.configure(config);
    return site;
  }

  configure(config: unknown): Promise<string> {
    return this.dir.write("docker/config.json", typeof config === "string" ? config : JSON.stringify(config));
  }

  /** `sh` has the registry's name in $server; what it is asked, and with what, is kept. */
  helper(name: string, sh: string): Promise<string> {
    const keep = 'server=$(cat); { echo "$@ $server"; env; } >>"$SEEN"';
    return this.dir.write(`bin/docker-credential-${name}`, `#!/bin/sh\n${keep}\n${sh}\n`, 0o755);
  }

  seen(): Promise<string> {
    return Bun.file(this.dir.join("seen")).text();
  }

  /** What the engine was sent as the credential for the image. */
  async sentFor(image: string): Promise<unknown> {
    await within(this.puller.ensure(image, new AbortController().signal), `the image ${image}`);
    return this.far.pulls.at(-1)?.auth;
  }

  /** The words of a pull that the registry refused. */
  async refusalOf(image: string, words = "denied"): Promise<string> {
    this.far.answers.push({ status: 500, words });
    return await this.puller.ensure(image, new AbortController().signal).then(
      () => "not refused",
      (error: Error) => error.message,
    );
  }

  get configPath(): string {
    return this.dir.join("docker", "config.json");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

const answer = (user: string, secret: string) =>
  `printf '{"ServerURL":"%s","Username":"${user}","Secret":"${secret}"}\\n' "$server"`;

describe("the credential in the config file", () => {
  const KEYS: readonly [string, string, string][] = [
    // [key in the file, image, the server that is named]
    ["host.example:5000", "host.example:5000/team/tool:1", "host.example:5000"],
    ["https://host.example:5000", "host.example:5000/team/tool:1", "host.example:5000"],
    ["http://host.example:5000/v1/", "host.example:5000/team/tool:1", "host.example:5000"],
    [HUB, "ubuntu", HUB],
    [HUB, "docker.io/team/tool:1", HUB],
    ["docker.io", "team/tool:1", HUB],
    ["index.docker.io", "team/tool:1", HUB],
  ];
  test.each(KEYS)("under %s is found for %s", async (key, image, server) => {
    await using site = await Site.create({ auths: { [key]: { auth: base64("user:pass-word") } } });
    expect(await site.sentFor(image)).toEqual({
      username: "user",
      password: "pass-word",
      serveraddress: server,
    });
  });

  test("of another registry is kept from this one", async () => {
    const auth = { auth: base64("user:pass-word") };
    const others = [
      HUB,
      "host.example:5001",
      "host.example",
      "not-host.example:5000",
      "host.example:5000.evil",
    ];
    await using site = await Site.create({ auths: Object.fromEntries(others.map((key) => [key, auth])) });
    expect(await site.sentFor("host.example:5000/team/tool")).toBeNull();
    expect(site.log.said("warn")).toEqual([]);
  });

  test("under the very name wins over one of the same host", async () => {
    await using site = await Site.create({
      auths: {
        "https://host.example/v1/": { auth: base64("old:pass-word") },
        "host.example": { auth: base64("new:pass-word") },
      },
    });
    expect(await site.sentFor("host.example/tool")).toMatchObject({ username: "new" });
  });

  test("is read again for each pull", async () => {
    await using site = await Site.create({ auths: { "host.example": { identitytoken: "token-of-today" } } });
    expect(await site.sentFor("host.example/tool")).toMatchObject({ identitytoken: "token-of-today" });
    await site.configure({ auths: { "host.example": { registrytoken: "token-of-tomorrow" } } });
    expect(await site.sentFor("host.example/tool")).toEqual({
      registrytoken: "token-of-tomorrow",
      serveraddress: "host.example",
    });
  });

  test("is sent in letters that a header and every engine can read", async () => {
    // In base64 both have + and /, and a length that needs padding.
    await using site = await Site.create({
      auths: { h1: {}, "h.example": { username: "ü>?~", password: "ÿþ~~??" } },
    });
    expect(await site.sentFor("h.example/tool")).toMatchObject({ username: "ü>?~", password: "ÿþ~~??" });
    const header = site.far.pulls[0]?.header ?? "";
    expect(header).toMatch(/^[A-Za-z0-9_-]+=*$/);
    expect(header.length % 4).toBe(0);
  });

  test("is named by its place when it is refused, and never shown, whoever quotes it", async () => {
    await using site = await Site.create({ auths: { "h.example": { auth: base64("user:pass-word") } } });
    expect(await site.refusalOf("h.example/tool:1", "unauthorized: pass-word is wrong")).toBe(
      `cannot pull image "h.example/tool:1": unauthorized: *** is wrong (credentials from ${site.configPath})`,
    );
    const header = site.far.pulls[0]?.header ?? "";
    expect(await site.refusalOf("h.example/tool:1", `denied: ${header}`)).not.toContain(header);
    site.far.answers.push({ status: 500, words: "pass-word: try later" });
    await site.sentFor("h.example/tool:1");
    expect(JSON.stringify(site.log.lines)).not.toContain("pass-word");
  });
});

describe("a config file that is", () => {
  test("broken is told of once while it stays so, and pulls are anonymous", async () => {
    await using site = await Site.create('{"auths": {"h.example": {"auth": "pass-word"');
    const told = {
      level: "warn",
      message: "cannot read all of Docker's config file",
      fields: { file: site.configPath, why: "it is no JSON" },
    } as const;
    const warned = () => site.log.lines.filter(({ level }) => level === "warn");
    expect(await site.sentFor("h.example/tool")).toBeNull();
    expect(await site.sentFor("h.example/tool")).toBeNull();
    expect(warned()).toEqual([told]);
    await site.configure({});
    await site.sentFor("h.example/tool");
    await site.configure("[]");
    await site.sentFor("h.example/tool");
    expect(warned()).toEqual([told, { ...told, fields: { ...told.fields, why: "it is no JSON object" } }]);
    expect(await site.refusalOf("h.example/tool:1")).toEndWith(
      `(no credentials that could be read in ${site.configPath})`,
    );
  });

  test("without the registry is named in the refusal", async () => {
    await using site = await Site.create({ auths: {} });
    expect(await site.refusalOf("h.example/tool:1")).toBe(
      `cannot pull image "h.example/tool:1": denied (no credentials in ${site.configPath})`,
    );
  });
});

describe("a credential helper", () => {
  test("is asked for the registry, and gets nothing of the worker's own", async () => {
    await using site = await Site.create({ credsStore: "keys" });
    await site.helper("keys", answer("user", "pass-word"));
    expect(await site.sentFor("host.example:5000/tool")).toEqual({
      username: "user",
      password: "pass-word",
      serveraddress: "host.example:5000",
    });
    expect(await site.sentFor("ubuntu")).toMatchObject({ serveraddress: HUB });
    const seen = await site.seen();
    expect(seen).toContain("get host.example:5000\n");
    expect(seen).toContain(`get ${HUB}\n`);
    expect(seen).not.toMatch(/WARP_API_KEY|BUN_OPTIONS|DENO_DIR|the-workers-own-key/);
  });

  test("may bring an identity token", async () => {
    await using site = await Site.create({ credHelpers: { "h.example": "keys" } });
    await site.helper("keys", answer("<token>", "token-token"));
    expect(await site.sentFor("h.example/tool")).toEqual({
      identitytoken: "token-token",
      serveraddress: "h.example",
    });
  });

  test("of one registry wins over the store of all", async () => {
    await using site = await Site.create({
      credHelpers: { "h.example": "one", "off.example": "" },
      credsStore: "all",
      auths: { "off.example": { auth: base64("file:pass-word") } },
    });
    await site.helper("one", answer("one", "pass-word"));
    await site.helper("all", answer("all", "pass-word"));
    expect(await site.sentFor("h.example/tool")).toMatchObject({ username: "one" });
    expect(await site.sentFor("other.example/tool")).toMatchObject({ username: "all" });
    expect(await site.sentFor("off.example/tool")).toMatchObject({ username: "file" });
  });

  test("for Docker Hub may stand under any of its names", async () => {
    for (const key of [HUB, "docker.io", "index.docker.io"]) {
      await using site = await Site.create({ credHelpers: { [key]: "keys" } });
      await site.helper("keys", answer("user", "pass-word"));
      expect(await site.sentFor("ubuntu")).toMatchObject({ username: "user", serveraddress: HUB });
    }
  });

  test("that has nothing is no trouble: the file may have something, or the pull is anonymous", async () => {
    await using site = await Site.create({
      credsStore: "keys",
      auths: { "file.example": { auth: base64("file:pass-word") } },
    });
    await site.helper("keys", "echo credentials not found in native keychain; exit 1");
    expect(await site.sentFor("h.example/tool")).toBeNull();
    expect(await site.sentFor("file.example/tool")).toMatchObject({ username: "file" });
    expect(site.log.said("warn")).toEqual([]);
    expect(await site.refusalOf("h.example/tool:1")).toEndWith(
      "(no credentials in credential helper docker-credential-keys)",
    );
  });

  const TROUBLES: readonly [string, string, string][] = [
    ["fails", "echo pass-word; echo pass-word >&2; exit 3", "failed with exit status 3"],
    ["is killed", "echo pass-word; kill -9 $$", "failed with exit status 137"],
    ["talks rubbish", "echo pass-word", "gave an answer that is no credential"],
    ["leaves the secret out", `echo '{"Username":"pass-word"}'`, "gave an answer that is no credential"],
    ["says nothing", "true", "gave an answer that is no credential"],
    ["talks without end", "yes pass-word", "wrote more than a credential"],
  ];
  test.each(TROUBLES)(
    "that %s is named, its output is not, and the pull is anonymous",
    async (_what, sh, why) => {
      await using site = await Site.create({ credsStore: "keys" });
      await site.helper("keys", sh);
      expect(await site.sentFor("h.example/tool:1")).toBeNull();
      expect(await site.refusalOf("h.example/tool:1")).toBe(
        `cannot pull image "h.example/tool:1": denied (no credentials, because docker-credential-keys ${why})`,
      );
      expect(site.log.lines.filter(({ level }) => level === "warn")).toEqual([
        {
          level: "warn",
          message: "cannot use a credential helper",
          fields: { helper: "keys", registry: "h.example", why: `docker-credential-keys ${why}` },
        },
      ]);
      expect(JSON.stringify(site.log.lines)).not.toContain("pass-word");
    },
  );

  test("that is missing, or may not be run, is named", async () => {
    await using site = await Site.create({
      credHelpers: { "h.example": "gone", "i.example": "closed", "j.example": "../x" },
    });
    await site.dir.write("bin/docker-credential-closed", "#!/bin/sh\n", 0o644);
    expect(await site.refusalOf("h.example/t")).toEndWith("because docker-credential-gone is not on PATH)");
    expect(await site.refusalOf("i.example/t")).toMatch(
      /because docker-credential-closed (is not on PATH|may not be run by this user)\)$/,
    );
    expect(await site.refusalOf("j.example/t")).toEndWith(
      'because "../x" is no name of a credential helper)',
    );
  });

  test("that does not answer in time is ended, with all that it has started", async () => {
    await using site = await Site.create({ credsStore: "keys" }, 300);
    await site.helper("keys", 'sleep 600 & echo "child $!" >>"$SEEN"; wait');
    expect(await site.refusalOf("h.example/tool:1")).toEndWith(
      "(no credentials, because docker-credential-keys gave no answer within 0.3 s)",
    );
    const pid = Number(/child (\d+)/.exec(await site.seen())?.[1]);
    await eventually(() => identify(pid) === null, "the end of the helper's child");
  });

  test("is ended when nobody wants the image any longer", async () => {
    await using site = await Site.create({ credsStore: "keys" });
    await site.helper("keys", 'echo "self $$" >>"$SEEN"; sleep 600');
    const stop = new AbortController();
    const leaving = site.puller.ensure("h.example/tool", stop.signal).catch((error: unknown) => error);
    const pid = await eventually(async () => Number(/self (\d+)/.exec(await site.seen())?.[1]), "the helper");
    stop.abort("cancelled");
    expect(await leaving).toBe("cancelled");
    await eventually(() => identify(pid) === null, "the end of the helper");
    expect(site.far.pulls).toEqual([]);
  });
});
