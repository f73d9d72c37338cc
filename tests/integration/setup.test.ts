/** What makes a clone ready, with a Bun of the test's own. */
import { expect, test } from "bun:test";
import { existsSync, readFileSync, symlinkSync } from "node:fs";
import { resolve } from "node:path";
import { TempDir } from "../support/temp-dir.ts";

const SETUP = readFileSync(resolve(import.meta.dir, "../../scripts/setup"), "utf8");
const VERSION = "1.2.3";

/** Notes what it installed, and ends as the file `ends` says. */
const BUN = `#!/bin/sh
case $1 in
  --version) echo ${VERSION} ;;
  install) cat bun.lock >>installed; sleep 0.05; exit "$(cat ends)" ;;
esac
`;

class Clone implements AsyncDisposable {
  readonly #dir: TempDir;

  private constructor(dir: TempDir) {
    this.#dir = dir;
  }

  static async create(): Promise<Clone> {
    const clone = new Clone(await TempDir.create("clone"));
    await clone.#dir.write("scripts/setup", SETUP, 0o755);
    await clone.#dir.write("package.json", JSON.stringify({ engines: { bun: VERSION } }, null, 2));
    await clone.#dir.write("bin/bun", BUN, 0o755);
    await clone.checkOut("first");
    await clone.installationsEnd(0);
    return clone;
  }

  async checkOut(lock: string): Promise<void> {
    await this.#dir.write("bun.lock", `${lock}\n`);
  }

  async installationsEnd(status: number): Promise<void> {
    await this.#dir.write("ends", `${status}`);
  }

  /** What bun.lock said at each installation. */
  get installed(): readonly string[] {
    const path = this.#dir.join("installed");
    return existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : [];
  }

  async setUp(path = `${this.#dir.join("bin")}:/usr/bin:/bin`): Promise<{ status: number; said: string }> {
    const child = Bun.spawn(["/bin/sh", this.#dir.join("scripts/setup")], {
      env: { PATH: path, HOME: this.#dir.path },
      stdio: ["ignore", "ignore", "pipe"],
    });
    const [status, said] = await Promise.all([child.exited, child.stderr.text()]);
    return { status, said };
  }

  /** A PATH on which these are the only programs. */
  async pathOf(programs: readonly string[]): Promise<string> {
    const folder = await this.#dir.mkdir("only");
    for (const name of programs) symlinkSync(Bun.which(name) ?? name, `${folder}/${name}`);
    return folder;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dir[Symbol.asyncDispose]();
  }
}

test("packages are installed once, and again when the lock file changes", async () => {
  await using clone = await Clone.create();
  expect(await clone.setUp()).toEqual({ status: 0, said: "setup: installing the packages of bun.lock\n" });
  expect(await clone.setUp()).toEqual({ status: 0, said: "" });
  await clone.checkOut("second");
  expect((await clone.setUp()).status).toBe(0);
  expect(clone.installed).toEqual(["first", "second"]);
});

// The stamp of the first was still there, and the gate and the tests ran with packages of the second.
test("after an installation that was cut short, who goes back to the checkout before it has its packages", async () => {
  await using clone = await Clone.create();
  await clone.setUp();
  await clone.checkOut("second");
  await clone.installationsEnd(130);
  const cut = await clone.setUp();
  expect([cut.status, cut.said]).toEqual([1, expect.stringContaining("bun install failed")]);
  await clone.checkOut("first");
  await clone.installationsEnd(0);
  expect((await clone.setUp()).status).toBe(0);
  expect(clone.installed).toEqual(["first", "second", "first"]);
});

test.skipIf(Bun.which("flock") === null)("of two at once in a clone one installs", async () => {
  await using clone = await Clone.create();
  const ends = await Promise.all([clone.setUp(), clone.setUp()]);
  expect(ends.map(({ status }) => status)).toEqual([0, 0]);
  expect(clone.installed).toEqual(["first"]);
});

test("with neither Bun nor npm it says what to install", async () => {
  await using clone = await Clone.create();
  const path = await clone.pathOf(["sed", "head", "mkdir", "dirname"]);
  const { status, said } = await clone.setUp(path);
  expect([status, said]).toEqual([
    1,
    `setup: needs Bun ${VERSION}, or Node with npm to install it from: install either and run again\n`,
  ]);
});
