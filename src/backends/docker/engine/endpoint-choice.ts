/**
 * Chooses the endpoint in the order of Docker's own command line: DOCKER_HOST, DOCKER_CONTEXT, the
 * current context of config.json, the default socket. Rootless and podman sockets come last, and only
 * where the default one does not exist.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { DockerContexts } from "./docker-contexts.ts";
import { type ChosenEndpoint, type LoadTls, parseAddress } from "./endpoint.ts";
import { EndpointError } from "./errors.ts";
import { readTls } from "./tls-files.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** What of the host is asked, so that a test can be another one. */
export interface Host {
  readonly platform: NodeJS.Platform;
  exists(path: string): boolean;
}

const THIS_HOST: Host = { platform: process.platform, exists: existsSync };
const DEFAULT_SOCKET = "/var/run/docker.sock";
const DEFAULT_CONTEXT = "default";
const NAMED_PIPE =
  "Cannot use the container engine of this host: on Windows it listens on a named pipe, which is not supported; let it listen on tcp:// too and set DOCKER_HOST=tcp://localhost:2375, or run the worker for Linux in WSL 2";

/** @throws EndpointError with what is wrong, where, and what to do */
export function chooseEndpoint(environment: Environment, host: Host = THIS_HOST): ChosenEndpoint {
  const configDir = configDirOf(environment);
  const address = read(environment, "DOCKER_HOST");
  if (address !== "") {
    // As docker takes it: the scheme alone stands for the default of that kind.
    const full = address === "unix://" ? `unix://${DEFAULT_SOCKET}` : address;
    return choose(full, "DOCKER_HOST", () => environmentTls(environment, configDir), host);
  }
  const contexts = new DockerContexts(configDir);
  const byVariable = read(environment, "DOCKER_CONTEXT");
  const name = byVariable === "" ? contexts.current() : byVariable;
  if (name !== "" && name !== DEFAULT_CONTEXT) {
    const source = byVariable === "" ? join(configDir, "config.json") : "DOCKER_CONTEXT";
    const context = contexts.find(name, source);
    return choose(context.address, `docker context "${name}" of ${source}`, context.loadTls, host);
  }
  return chooseSocket(environment, host);
}

function choose(address: string, why: string, loadTls: LoadTls, host: Host): ChosenEndpoint {
  const endpoint = parseAddress(address, loadTls, host.platform);
  if ("wrong" in endpoint) {
    throw new EndpointError(
      `Cannot use the container engine "${withoutPassword(address)}" of ${why}: ${endpoint.wrong}`,
    );
  }
  return { endpoint, label: withoutPassword(address), why, loadTls };
}

/** An address is quoted in logs. It may lack its scheme, and a password may hold what ends one in a URL. */
function withoutPassword(address: string): string {
  return address.replace(/^((?:[a-z]+:\/\/)?[^:@/]*):(?!\/\/|\d+\/).*@/is, "$1:…@");
}

function chooseSocket(environment: Environment, host: Host): ChosenEndpoint {
  const runtimeDir = read(environment, "XDG_RUNTIME_DIR");
  const home = read(environment, "HOME");
  const others: readonly (readonly [path: string, what: string])[] = [
    ...(runtimeDir === ""
      ? []
      : ([
          [`${runtimeDir}/docker.sock`, "rootless Docker"],
          [`${runtimeDir}/podman/podman.sock`, "rootless podman"],
        ] as const)),
    ...(host.platform === "darwin" && home !== ""
      ? [[`${home}/.docker/run/docker.sock`, "Docker Desktop"] as const]
      : []),
    ["/run/podman/podman.sock", "podman"],
  ];
  const found = host.exists(DEFAULT_SOCKET) ? undefined : others.find(([path]) => host.exists(path));
  if (found === undefined) {
    // "Cannot reach /var/run/docker.sock" would send its user looking for the wrong thing.
    if (host.platform === "win32" && !host.exists(DEFAULT_SOCKET)) throw new EndpointError(NAMED_PIPE);
    return {
      endpoint: { kind: "unix", path: DEFAULT_SOCKET },
      label: `unix://${DEFAULT_SOCKET}`,
      why: "the default",
      loadTls: () => null,
    };
  }
  const [path, what] = found;
  const why = `the socket of ${what}, as there is no ${DEFAULT_SOCKET}`;
  return { endpoint: { kind: "unix", path }, label: `unix://${path}`, why, loadTls: () => null };
}

/** DOCKER_TLS_VERIFY, set to anything at all, asks for TLS; the files are below DOCKER_CERT_PATH. */
function environmentTls(environment: Environment, configDir: string) {
  if (read(environment, "DOCKER_TLS_VERIFY") === "") return null;
  const dir = read(environment, "DOCKER_CERT_PATH") || configDir;
  return readTls(dir, { caNeeded: true, verify: true, source: "DOCKER_TLS_VERIFY and DOCKER_CERT_PATH" });
}

function configDirOf(environment: Environment): string {
  // Windows has no HOME.
  const home = read(environment, "HOME") || read(environment, "USERPROFILE") || "/";
  return read(environment, "DOCKER_CONFIG") || join(home, ".docker");
}

function read(environment: Environment, name: string): string {
  return (environment[name] ?? "").trim();
}
