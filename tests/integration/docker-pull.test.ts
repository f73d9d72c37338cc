/** Images that are brought to an engine which answers well, badly or not at all. */
import { afterEach, describe, expect, jest, test } from "bun:test";
import { turns } from "../../src/async/wait.ts";
import type { Engine } from "../../src/backends/docker/engine/engine.ts";
import { Credentials } from "../../src/backends/docker/images/credentials.ts";
import { ImageError } from "../../src/backends/docker/images/pull-failure.ts";
import { ImagePuller } from "../../src/backends/docker/images/puller.ts";
import type { EnginePullPolicy } from "../../src/config/settings.ts";
import type { Fields } from "../../src/logging/logger.ts";
import { within } from "../support/wait.ts";
import { type RecordedLog, recordLog } from "../unit/logging/recorded-log.ts";
import { type Answer, PullEngine } from "./docker-pull-engine.ts";

const DIGEST = `sha256:${"d".repeat(64)}`;
const OTHER_DIGEST = `sha256:${"e".repeat(64)}`;
const ARM = { architecture: "arm64", digest: DIGEST };

afterEach(() => void jest.useRealTimers());

class Site implements AsyncDisposable {
  readonly far: PullEngine;
  readonly puller: ImagePuller;
  readonly log: ReturnType<typeof heardLog>;
  readonly #engine: Engine;

  private constructor(far: PullEngine, engine: Engine, policy: EnginePullPolicy, random: () => number) {
    this.far = far;
    this.#engine = engine;
    this.log = heardLog();
    const credentials = new Credentials({ environment: {}, log: this.log });
    this.puller = new ImagePuller({ engine, credentials, policy, log: this.log, random });
  }

  static async create(policy: EnginePullPolicy = "always", random = () => 0, api = "1.41"): Promise<Site> {
    const far = await PullEngine.start(api);
    return new Site(far, await far.connect(), policy, random);
  }

  ensure(image: string, signal: AbortSignal = new AbortController().signal) {
    return within(this.puller.ensure(image, signal), `the image ${image}`);
  }

  async failure(image: string): Promise<string> {
    const error: unknown = await this.ensure(image).then(
      () => null,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof ImageError)) throw new Error("no ImageError", { cause: error });
    return error.message;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engine[Symbol.asyncDispose]();
    await this.far[Symbol.asyncDispose]();
  }
}

describe("an image", () => {
  test("is pulled for the engine's platform, by its short name and its tag", async () => {
    await using site = await Site.create();
    const image = await site.ensure("docker.io/library/ubuntu:22.04");
    expect(image).toMatchObject({ id: `sha256:${"1".repeat(64)}`, repoDigest: `ubuntu@${DIGEST}` });
    expect(image.reference.canonical).toBe("docker.io/library/ubuntu:22.04");
    expect(site.far.pulls).toMatchObject([
      { fromImage: "ubuntu", tag: "22.04", platform: "linux/amd64", auth: null },
    ]);
  });

  // 17.10 to 18.03 refused each pull that named an architecture.
  test.each(["1.25", "1.35", "1.37"])(
    "is pulled by an engine of API %s without naming a platform",
    async (api) => {
      await using site = await Site.create("always", () => 0, api);
      await site.ensure("ubuntu:22.04");
      expect(site.far.pulls).toMatchObject([{ fromImage: "ubuntu", tag: "22.04", platform: "" }]);
    },
  );

  test("without a tag is the latest, not all of them", async () => {
    await using site = await Site.create();
    await site.ensure("host.example:5000/team/tool");
    expect(site.far.pulls).toMatchObject([{ fromImage: "host.example:5000/team/tool", tag: "latest" }]);
  });

  test("with a digest is pulled by it, whatever its tag says", async () => {
    await using site = await Site.create();
    for (const name of [`team/tool@${DIGEST}`, `team/tool:1@${DIGEST}`]) {
      expect((await site.ensure(name)).repoDigest).toBe(`team/tool@${DIGEST}`);
    }
    // Each by itself: of one object that is expected twice, Bun compares the first only.
    expect(site.far.pulls.map(({ fromImage, tag }) => [fromImage, tag])).toEqual([
      ["team/tool", DIGEST],
      ["team/tool", DIGEST],
    ]);
  });

  test("has the digest of its own repository, not that of a mirror", async () => {
    await using site = await Site.create();
    site.far.published.set("team/tool:1", { architecture: "amd64", digest: OTHER_DIGEST });
    expect((await site.ensure("team/tool:1")).repoDigest).toBe(`team/tool@${OTHER_DIGEST}`);
  });

  test("that is named wrongly is refused before the engine is asked", async () => {
    await using site = await Site.create();
    expect(await site.failure("team/Tool")).toBe(
      '"team/Tool" is no image name: capital letters may stand in its tag and registry only',
    );
    expect(site.far.pulls).toEqual([]);
  });

  test("of another platform is refused by name", async () => {
    await using site = await Site.create();
    site.far.published.set("team/tool:1", ARM);
    expect(await site.failure("team/tool:1")).toBe(
      'image "team/tool:1" is for linux/arm64, the engine runs linux/amd64',
    );
    expect(site.far.pulls).toHaveLength(1);
  });

  test("of the engine's platform is taken by any name that builders have for that", async () => {
    await using site = await Site.create();
    for (const architecture of ["x86_64", "AMD64"]) {
      site.far.published.set("team/tool:1", { ...ARM, architecture });
      expect((await site.ensure("team/tool:1")).reference.familiar).toBe("team/tool:1");
    }
  });

  test("is told of by one line when its pull begins and one when it has ended", async () => {
    await using site = await Site.create();
    await site.ensure("team/tool:1");
    expect(site.log.lines).toEqual([
      {
        level: "info",
        message: "pulling image",
        fields: { image: "team/tool:1", credentials: "no Docker config file" },
      },
      {
        level: "info",
        message: "pulled image",
        fields: { image: "team/tool:1", seconds: expect.any(Number) },
      },
    ]);
  });
});

describe("the pull policy", () => {
  test("always pulls what is there already", async () => {
    await using site = await Site.create("always");
    await site.ensure("team/tool:1");
    await site.ensure("team/tool:1");
    expect(site.far.pulls).toHaveLength(2);
  });

  test("if-not-present pulls once", async () => {
    await using site = await Site.create("if-not-present");
    const [first, second] = [await site.ensure("team/tool:1"), await site.ensure("docker.io/team/tool:1")];
    expect(second).toEqual(first);
    expect(site.far.pulls).toHaveLength(1);
  });

  test("if-not-present pulls over what is there for another platform", async () => {
    await using site = await Site.create("if-not-present");
    site.far.present.set("team/tool:1", { ...ARM, name: "team/tool" });
    await site.ensure("team/tool:1");
    expect(site.far.pulls).toHaveLength(1);
  });

  test("never takes what is there, and does not pull what is not", async () => {
    await using site = await Site.create("never");
    site.far.present.set("team/here:1", { architecture: "amd64", digest: DIGEST, name: "team/here" });
    site.far.present.set("team/arm:1", { ...ARM, name: "team/arm" });
    expect((await site.ensure("team/here:1")).repoDigest).toBe(`team/here@${DIGEST}`);
    expect(await site.failure("team/gone:1")).toBe(
      'image "team/gone:1" is not on the engine, and image_pull_policy is never: pull it there, or change the policy',
    );
    expect(await site.failure("team/arm:1")).toContain("is for linux/arm64");
    expect(site.far.pulls).toEqual([]);
  });
});

describe("one image wanted by many", () => {
  test("is pulled once, whatever they call it", async () => {
    await using site = await Site.create();
    site.far.answers.push("held");
    const names = ["ubuntu", "ubuntu:latest", "docker.io/library/ubuntu", "index.docker.io/ubuntu:latest"];
    const all = Promise.all([...names, ...names].map((name) => site.ensure(name)));
    (await site.far.pull(0)).release();
    expect(new Set((await all).map(({ id }) => id)).size).toBe(1);
    expect(site.far.pulls).toHaveLength(1);
  });

  test("does not hold up another one", async () => {
    await using site = await Site.create();
    site.far.answers.push("held");
    const slow = site.ensure("team/slow:1");
    const pull = await site.far.pull(0);
    await site.ensure("team/fast:1");
    pull.release();
    await slow;
  });

  test("goes on for the others when one does not want it any longer", async () => {
    await using site = await Site.create();
    site.far.answers.push("held");
    const stop = new AbortController();
    const leaving = site.ensure("team/tool:1", stop.signal).catch((error: unknown) => error);
    const staying = site.ensure("team/tool:1");
    const pull = await site.far.pull(0);
    stop.abort("cancelled");
    expect(await leaving).toBe("cancelled");
    pull.release();
    expect((await staying).id).toStartWith("sha256:");
    expect(site.far.pulls).toHaveLength(1);
  });

  test("is let go of with the last of them, and who comes then gets a pull of his own", async () => {
    await using site = await Site.create();
    site.far.answers.push("held");
    const stops = [new AbortController(), new AbortController()];
    const leaving = stops.map(({ signal }) =>
      site.ensure("team/tool:1", signal).catch((error: unknown) => error),
    );
    const pull = await site.far.pull(0);
    for (const stop of stops) stop.abort("cancelled");
    expect(await Promise.all(leaving)).toEqual(["cancelled", "cancelled"]);
    await within(pull.abandoned, "the end of the pull at the engine");
    await site.ensure("team/tool:1");
    expect(site.far.pulls).toHaveLength(2);
  });

  test("fails for all of them when it fails", async () => {
    await using site = await Site.create();
    site.far.answers.push({ status: 404, words: "manifest unknown" });
    const words = await Promise.all([site.failure("team/tool:1"), site.failure("team/tool:1")]);
    expect(new Set(words).size).toBe(1);
    await site.ensure("team/tool:1");
  });
});

describe("a pull that fails", () => {
  const PASSING: readonly [string, Answer][] = [
    ["429", { status: 429, words: "toomanyrequests: slow down" }],
    ["500", { status: 500, words: "received unexpected HTTP status: 503 Service Unavailable" }],
    ["503", { status: 503, words: "the engine is starting" }],
    ["a cut connection", "cut"],
    ["a connection cut in the middle", "cut in the middle"],
    ["a failure in the middle", { inStream: "unexpected EOF" }],
    ["an image that is pruned at once", "pruned"],
  ];
  test.each(PASSING)("with %s is tried again", async (_what, answer) => {
    await using site = await Site.create();
    site.far.answers.push(answer, answer);
    await site.ensure("team/tool:1");
    expect(site.far.pulls).toHaveLength(3);
    expect(site.log.said("warn")).toEqual(Array(2).fill("pull failed, trying again"));
  });

  const FINAL: readonly [string, Answer][] = [
    ["400", { status: 400, words: "invalid reference format" }],
    ["401", { status: 401, words: "who are you" }],
    ["403", { status: 403, words: "not for you" }],
    ["404", { status: 404, words: "manifest for team/tool:1 not found: manifest unknown" }],
    ["a refusal in the stream, as older engines tell it", { inStream: "denied: not for you", bare: true }],
    ["a refusal in a 500", { status: 500, words: "unauthorized: authentication required" }],
    [
      "no image of that platform",
      { inStream: "no matching manifest for linux/amd64 in the manifest list entries" },
    ],
  ];
  test.each(FINAL)("with %s is not tried again", async (_what, answer) => {
    await using site = await Site.create();
    site.far.answers.push(answer);
    const words = typeof answer !== "object" ? "" : "words" in answer ? answer.words : answer.inStream;
    expect(await site.failure("team/tool:1")).toStartWith(`cannot pull image "team/tool:1": ${words}`);
    expect(site.far.pulls).toHaveLength(1);
  });

  test("again and again is given up, and says how often it was tried", async () => {
    await using site = await Site.create();
    site.far.answers.push(...Array<Answer>(20).fill({ status: 500, words: "no space left on device" }));
    expect(await site.failure("team/tool:1")).toBe(
      'cannot pull image "team/tool:1": no space left on device, tried 4 times',
    );
    expect(site.far.pulls).toHaveLength(4);
  });

  test("says which credentials it had when it was refused", async () => {
    await using site = await Site.create();
    site.far.answers.push({ status: 500, words: "denied" });
    expect(await site.failure("team/tool:1")).toBe(
      'cannot pull image "team/tool:1": denied (no Docker config file)',
    );
  });

  test("is not tried again once nobody wants it", async () => {
    await using site = await Site.create("always", () => 0.5);
    jest.useFakeTimers();
    site.far.answers.push("cut");
    const stop = new AbortController();
    const leaving = site.puller.ensure("team/tool:1", stop.signal).catch((error: unknown) => error);
    await site.log.until("pull failed, trying again");
    stop.abort("cancelled");
    expect(await leaving).toBe("cancelled");
    jest.advanceTimersByTime(60_000);
    await turns(20);
    expect(site.far.pulls).toHaveLength(1);
  });

  test("is tried again after a pause that is the longer the more often it failed", async () => {
    await using site = await Site.create("always", () => 0.5);
    jest.useFakeTimers();
    site.far.answers.push("cut", "cut", "cut");
    const ensured = site.puller.ensure("team/tool:1", new AbortController().signal);
    for (const [tries, delayMs] of [500, 1_000, 2_000].entries()) {
      await site.log.until("pull failed, trying again", tries + 1);
      jest.advanceTimersByTime(delayMs - 1);
      await turns(20);
      expect(site.far.pulls).toHaveLength(tries + 1);
      jest.advanceTimersByTime(1);
    }
    await ensured;
    expect(site.far.pulls).toHaveLength(4);
  });
});

/** A log that can be waited for. */
function heardLog() {
  const log = recordLog();
  const heard = Promise.withResolvers<void>();
  let next = heard;
  const warn = (bound: RecordedLog) => (message: string, fields?: Fields) => {
    bound.warn(message, fields);
    next.resolve();
    next = Promise.withResolvers();
  };
  return {
    ...log,
    warn: warn(log),
    with: (fields: Fields) => ({ ...log.with(fields), warn: warn(log) }),
    until: async (message: string, times = 1) => {
      while (log.said("warn").filter((said) => said === message).length < times) await next.promise;
    },
  };
}
