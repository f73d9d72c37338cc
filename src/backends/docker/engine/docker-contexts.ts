/**
 * Docker's contexts on disk: `currentContext` in config.json, and for each a folder below
 * contexts/meta and contexts/tls that is named by the SHA-256 of the context's name.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { LoadTls } from "./endpoint.ts";
import { readIfThere } from "./endpoint-file.ts";
import { EndpointError } from "./errors.ts";
import { type Fields, fieldsOf, textOf } from "./fields.ts";
import { readTls } from "./tls-files.ts";

export interface DockerContext {
  readonly address: string;
  readonly loadTls: LoadTls;
}

export class DockerContexts {
  readonly #configDir: string;

  constructor(configDir: string) {
    this.#configDir = configDir;
  }

  /** The name of the current one; empty when none is chosen. @throws EndpointError */
  current(): string {
    const path = join(this.#configDir, "config.json");
    return textOf(readJson(path, "or set DOCKER_HOST") ?? {}, "currentContext").trim();
  }

  /** `source` says who named it. @throws EndpointError */
  find(name: string, source: string): DockerContext {
    const folder = hashOf(name);
    const path = join(this.#configDir, "contexts", "meta", folder, "meta.json");
    const meta = readJson(path, "or choose another context");
    if (meta === null) {
      throw new EndpointError(
        `Cannot find the docker context "${name}" of ${source}: ${this.#known()}; choose one with DOCKER_CONTEXT, or set DOCKER_HOST`,
      );
    }
    const docker = fieldsOf(fieldsOf(meta["Endpoints"])["docker"]);
    const address = textOf(docker, "Host").trim();
    if (address === "") {
      throw new EndpointError(
        `Cannot use the docker context "${name}" of ${source}: ${path} names no docker endpoint; make it again with docker context create`,
      );
    }
    const verify = docker["SkipTLSVerify"] !== true;
    const tlsDir = join(this.#configDir, "contexts", "tls", folder, "docker");
    return {
      address,
      loadTls: () => readTls(tlsDir, { caNeeded: false, verify, source: `docker context "${name}"` }),
    };
  }

  /** The names of those that can be read, for whoever mistyped one. */
  #known(): string {
    const dir = join(this.#configDir, "contexts", "meta");
    const names = foldersOf(dir).map((folder) => nameIn(join(dir, folder, "meta.json")));
    const known = names.filter((name) => name !== "").sort();
    return known.length === 0 ? `there is none in ${dir}` : `${dir} has ${known.join(", ")}`;
  }
}

/** Loaded where there is a context only: the module costs an idle daemon memory. */
function hashOf(name: string): string {
  return process.getBuiltinModule("node:crypto").createHash("sha256").update(name).digest("hex");
}

function foldersOf(dir: string): readonly string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

function nameIn(path: string): string {
  try {
    return textOf(readJson(path, "") ?? {}, "Name");
  } catch {
    return "";
  }
}

/** Null when there is no such file. */
function readJson(path: string, orElse: string): Fields | null {
  const text = readIfThere(path, path, `, ${orElse}`);
  if (text === null) return null;
  try {
    // An empty one (made by `touch`, or mounted as such) says nothing, which is no mistake to Docker's client either.
    return text.trim() === "" ? {} : fieldsOf(JSON.parse(text));
  } catch {
    // Without the parser's words, which quote the file: it may hold credentials.
    throw new EndpointError(`Cannot read ${path}: it is not valid JSON; correct it, ${orElse}`);
  }
}
