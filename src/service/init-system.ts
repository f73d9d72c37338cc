/** The program that starts services on this host: what it is told, and where it looks for them. */
import { existsSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { renderLaunchdPlist } from "./launchd-plist.ts";
import { SERVICE_NAME, SERVICE_STATE_DIR, type ServicePlan } from "./service-plan.ts";
import { renderSystemdUnit } from "./systemd-unit.ts";

/** Its words go to the terminal. @returns its exit status; rejects when it cannot be started */
export type RunCommand = (argv: readonly string[]) => Promise<number>;

interface Kind {
  readonly file: string;
  readonly render: (plan: ServicePlan) => string;
  /** What is there where it runs. */
  readonly sign: string;
  readonly start: readonly (readonly string[])[];
  readonly stop: readonly (readonly string[])[];
  /** After the file is gone. */
  readonly forget: readonly (readonly string[])[];
  readonly status: readonly string[];
}

const SYSTEMD: Kind = {
  file: `/etc/systemd/system/${SERVICE_NAME}.service`,
  render: renderSystemdUnit,
  sign: "/run/systemd/system",
  start: [
    ["systemctl", "daemon-reload"],
    ["systemctl", "enable", SERVICE_NAME],
    // One that ran already runs with the new unit, too.
    ["systemctl", "restart", SERVICE_NAME],
  ],
  stop: [["systemctl", "disable", "--now", SERVICE_NAME]],
  forget: [["systemctl", "daemon-reload"]],
  status: ["systemctl", "status", "--no-pager", SERVICE_NAME],
};

const LAUNCHD: Kind = {
  file: `/Library/LaunchDaemons/${SERVICE_NAME}.plist`,
  render: renderLaunchdPlist,
  sign: "/Library/LaunchDaemons",
  start: [["launchctl", "bootstrap", "system", `/Library/LaunchDaemons/${SERVICE_NAME}.plist`]],
  stop: [["launchctl", "bootout", `system/${SERVICE_NAME}`]],
  forget: [],
  status: ["launchctl", "print", `system/${SERVICE_NAME}`],
};

/** For the operator: what was tried, and what to do. */
export class ServiceError extends Error {
  override readonly name = "ServiceError";
}

export class InitSystem {
  readonly #kind: Kind;
  readonly #root: string;
  readonly #run: RunCommand;

  /** @param root of the file system, for tests */
  constructor(platform: string, run: RunCommand, root = "") {
    if (platform === "win32") {
      throw new ServiceError(
        "Cannot install a service on Windows: it is made on Linux (systemd) and macOS only",
      );
    }
    this.#kind = platform === "darwin" ? LAUNCHD : SYSTEMD;
    this.#root = root;
    this.#run = run;
  }

  get file(): string {
    return `${this.#root}${this.#kind.file}`;
  }

  render(plan: ServicePlan): string {
    return this.#kind.render(plan);
  }

  async install(plan: ServicePlan): Promise<void> {
    this.#mustRun();
    await this.#ensureUser(plan.user);
    // systemd makes it itself; launchd only names it, and without it the journal was in memory.
    if (this.#kind === LAUNCHD && plan.stateDir === null)
      await this.#ensureFolder(SERVICE_STATE_DIR, plan.user);
    for (const folder of plan.ownFolders) await this.#ensureFolder(folder, plan.user);
    // launchd takes a job once; whether there was one is of no interest.
    if (this.#kind === LAUNCHD && existsSync(this.file)) await this.#run(LAUNCHD.stop[0] ?? []);
    await mkdir(dirname(this.file), { recursive: true });
    // launchd ignores a job whose file others can write.
    await writeFile(`${this.file}.new`, this.render(plan), { mode: 0o644 });
    await rename(`${this.file}.new`, this.file);
    for (const argv of this.#kind.start) await this.#must(argv);
  }

  /** @returns false: there was none */
  async uninstall(): Promise<boolean> {
    if (!existsSync(this.file)) return false;
    this.#mustRun();
    for (const argv of this.#kind.stop) await this.#must(argv);
    await rm(this.file);
    for (const argv of this.#kind.forget) await this.#must(argv);
    return true;
  }

  /** The manager's own words and exit status. */
  async status(): Promise<number> {
    this.#mustRun();
    return await this.#run(this.#kind.status);
  }

  #mustRun(): void {
    const sign = `${this.#root}${this.#kind.sign}`;
    if (existsSync(sign)) return;
    throw new ServiceError(
      `No systemd runs here (there is no ${sign}); "service install --print" shows the unit, to be adapted for another service manager`,
    );
  }

  async #ensureUser(user: string): Promise<void> {
    if ((await this.#run(["id", "-u", user])) === 0) return;
    if (this.#kind === LAUNCHD) {
      throw new ServiceError(`There is no user ${user}: make it first, or name another by --user`);
    }
    await this.#must([
      "useradd",
      "--system",
      "--home-dir",
      SERVICE_STATE_DIR,
      "--shell",
      "/usr/sbin/nologin",
      user,
    ]);
  }

  /** The user could make none outside of its own. */
  async #ensureFolder(folder: string, user: string): Promise<void> {
    if (existsSync(`${this.#root}${folder}`)) return;
    await this.#must(["install", "-d", "-m", "0700", "-o", user, `${this.#root}${folder}`]);
  }

  async #must(argv: readonly string[]): Promise<void> {
    const status = await this.#run(argv);
    if (status === 0) return;
    throw new ServiceError(`"${argv.join(" ")}" ended with status ${status}: see above for why`);
  }
}
