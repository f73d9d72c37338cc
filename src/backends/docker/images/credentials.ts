/**
 * Which credential goes with a pull. Docker's config.json is read again for each, because helpers and
 * tokens rotate.
 */
import type { Logger } from "../../../logging/logger.ts";
import { createRedactor, type Redact } from "../../../logging/redact.ts";
import { type Credential, configPathOf, type DockerConfig, readDockerConfig } from "./docker-config.ts";
import { askHelper } from "./keychain.ts";
import { DOCKER_HUB, type ImageReference } from "./reference.ts";

export interface RegistryAuth {
  /** The value of X-Registry-Auth; null: anonymous. Never shown. */
  readonly header: string | null;
  /** Where it comes from, or why there is none: "no credentials for ... in ...". */
  readonly source: string;
  /** Takes the credential out of other people's words. */
  readonly redact: Redact;
}

export interface CredentialsOptions {
  readonly environment: Readonly<Record<string, string>>;
  readonly log: Logger;
  readonly helperLimitMs?: number;
}

/** The name under which Docker Hub's credentials are kept, and asked for. */
const DOCKER_HUB_SERVER = "https://index.docker.io/v1/";
const DOCKER_HUB_HOSTS: readonly string[] = [DOCKER_HUB, "index.docker.io", "registry-1.docker.io"];

const MOST_TOLD = 100;

export class Credentials {
  readonly #options: CredentialsOptions;
  readonly #path: string | null;
  /** What was last complained of, by subject: a trouble that stays is told once. */
  readonly #told = new Map<string, string>();

  constructor(options: CredentialsOptions) {
    this.#options = options;
    this.#path = configPathOf(options.environment);
  }

  /** Rejects with the signal's reason only: without a credential a pull is anonymous. */
  async authFor({ registry }: ImageReference, signal: AbortSignal): Promise<RegistryAuth> {
    const server = registry === DOCKER_HUB ? DOCKER_HUB_SERVER : registry;
    const config = await readDockerConfig(this.#path);
    this.#tell("cannot read all of Docker's config file", { file: this.#path }, config.problem);
    const helped = await this.#fromHelper(config, server, signal);
    if (helped.auth !== null) return helped.auth;
    const credential = find(config.auths, server) ?? null;
    if (credential !== null) return authOf(credential, server, `credentials from ${this.#path}`);
    const where = config.problem === null ? "in" : "that could be read in";
    const none = this.#path === null ? "no Docker config file" : `no credentials ${where} ${this.#path}`;
    return { header: null, source: helped.why ?? none, redact: (text) => text };
  }

  /** `why`: there is a helper, and it brought nothing. */
  async #fromHelper(
    config: DockerConfig,
    server: string,
    signal: AbortSignal,
  ): Promise<{ readonly auth: RegistryAuth | null; readonly why: string | null }> {
    const { environment, helperLimitMs } = this.#options;
    const name = find(config.credHelpers, server) ?? config.credsStore;
    if (name === "") return { auth: null, why: null };
    const limit = helperLimitMs === undefined ? {} : { limitMs: helperLimitMs };
    const answer = await askHelper({ name, server, environment, ...limit }, signal);
    const trouble = answer.kind === "failed" ? answer.why : null;
    this.#tell("cannot use a credential helper", { helper: name, registry: server }, trouble);
    const source = `credential helper docker-credential-${name}`;
    switch (answer.kind) {
      case "credential":
        return { auth: authOf(answer.credential, server, source), why: null };
      case "none":
        return { auth: null, why: `no credentials in ${source}` };
      case "failed":
        return { auth: null, why: `no credentials, because ${answer.why}` };
      default:
        return answer satisfies never;
    }
  }

  #tell(message: string, about: Readonly<Record<string, string | null>>, why: string | null): void {
    const subject = JSON.stringify([message, about]);
    if (why === null) {
      this.#told.delete(subject);
    } else if (this.#told.get(subject) !== why) {
      // Which registries there are is for others to say.
      if (this.#told.size >= MOST_TOLD) this.#told.clear();
      this.#told.set(subject, why);
      this.#options.log.warn(message, { ...about, why });
    }
  }
}

/** With padding: engines of old refuse to read it without. */
function authOf(credential: Credential, server: string, source: string): RegistryAuth {
  const json = JSON.stringify({ ...credential, serveraddress: server });
  const header = Buffer.from(json).toString("base64").replaceAll("+", "-").replaceAll("/", "_");
  const { username: _public, ...secrets } = credential;
  return { header, source, redact: createRedactor([header, ...Object.values(secrets)]) };
}

/** The server's own key first; then one of the same host, as clients of old wrote them. */
function find<T>(entries: ReadonlyMap<string, T>, server: string): T | undefined {
  if (entries.has(server)) return entries.get(server);
  const wanted = hostOf(server);
  for (const [key, value] of entries) if (hostOf(key) === wanted) return value;
  return undefined;
}

/** https://registry.example/v1/ -> registry.example */
function hostOf(key: string): string {
  const [host = ""] = key.replace(/^https?:\/\//, "").split("/");
  return DOCKER_HUB_HOSTS.includes(host) ? DOCKER_HUB : host;
}
