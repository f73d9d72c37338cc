/** A registry of the tests' own on the loopback address, open or with a name and a password. */
import { closeSync, openSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { registryProgram } from "./docker-programs.ts";
import { becomes } from "./service.ts";
import { FOLDER_MARK, ServiceFolder } from "./service-folder.ts";

export interface RegistryAccount {
  readonly name: string;
  readonly password: string;
}

export class Registry implements AsyncDisposable {
  /** HOST:PORT, as it stands in image names. */
  readonly address: string;
  readonly #folder: ServiceFolder;
  readonly #process: Bun.Subprocess;

  private constructor(address: string, folder: ServiceFolder, process: Bun.Subprocess) {
    this.address = address;
    this.#folder = folder;
    this.#process = process;
  }

  /** @throws Unavailable where it cannot run here */
  static async start(account: RegistryAccount | null = null): Promise<Registry> {
    const program = await registryProgram();
    const folder = await ServiceFolder.claim("registry");
    const address = `127.0.0.1:${await freePort()}`;
    const config = folder.join("config.yml");
    if (account !== null) await writeFile(folder.join("htpasswd"), await htpasswdLine(account));
    await writeFile(config, JSON.stringify(configuration(folder, address, account !== null)));
    const log = openSync(folder.join("log"), "a");
    const child = Bun.spawn(["docker-registry", "serve", config], {
      env: { ...program.env, HOME: folder.path, [FOLDER_MARK]: folder.path },
      stdio: ["ignore", log, log],
      detached: true,
    });
    closeSync(log);
    const registry = new Registry(address, folder, child);
    const up = await becomes(async () => child.exitCode !== null || (await registry.#answers()), 15_000);
    if (up && child.exitCode === null) return registry;
    const words = await Bun.file(folder.join("log")).text();
    await registry[Symbol.asyncDispose]();
    throw new Error(`docker-registry did not start; its log ends with:\n${words.slice(-2_000)}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGTERM");
    const killer = setTimeout(() => this.#process.kill("SIGKILL"), 5_000);
    await this.#process.exited;
    clearTimeout(killer);
    await this.#folder.remove();
  }

  async #answers(): Promise<boolean> {
    return await fetch(`http://${this.address}/v2/`, { signal: AbortSignal.timeout(2_000) }).then(
      ({ status }) => status === 200 || status === 401,
      () => false,
    );
  }
}

/** JSON is YAML. */
function configuration(folder: ServiceFolder, address: string, closed: boolean): unknown {
  return {
    version: 0.1,
    log: { level: "warn" },
    storage: { filesystem: { rootdirectory: folder.join("data") }, delete: { enabled: true } },
    http: { addr: address },
    ...(closed ? { auth: { htpasswd: { realm: "tests", path: folder.join("htpasswd") } } } : {}),
  };
}

/** It takes bcrypt only. */
async function htpasswdLine({ name, password }: RegistryAccount): Promise<string> {
  return `${name}:${await Bun.password.hash(password, { algorithm: "bcrypt", cost: 5 })}\n`;
}

/** It cannot be told to take any and say which; between here and there nobody else is likely to take it. */
async function freePort(): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const server = createServer();
  server.once("error", reject);
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
  });
  return await promise;
}
