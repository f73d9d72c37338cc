/** Flags over the file over the defaults: one value of settings, or everything that is wrong at once. Pure. */
import { resolve } from "node:path";
import * as v from "valibot";
import { parseAddress } from "./address.ts";
import { ConfigError } from "./config-error.ts";
import { parseDuration } from "./duration.ts";
import type { FlagValues } from "./flag-values.ts";
import { OWN_FLAGS } from "./flags.ts";
import { chooseKeySource, type KeyChoice } from "./key-source.ts";
import type { LoadedFile } from "./load.ts";
import { chooseBackend, resolveBackend } from "./resolve-backend.ts";
import type { FileConfig } from "./schema.ts";
import { type WorkerConfig, workerSchema } from "./schema-worker.ts";
import type { Settings } from "./settings.ts";
import { defaultStateDir, type Host } from "./state-dir.ts";
import { chooseTelemetry } from "./telemetry.ts";

export interface ResolveInput extends Host {
  readonly flags: FlagValues;
  readonly file: LoadedFile;
  /** What a command supplies where the operator says nothing. */
  readonly defaults?: SettingDefaults;
}

export interface SettingDefaults {
  readonly workerId?: string;
  readonly apiKey?: string;
  readonly webSocketUrl?: string;
}

/** Throws a ConfigError with every problem, those of the flags and of the file included. */
export function resolveSettings(input: ResolveInput): Settings {
  const { flags, file, defaults = {} } = input;
  const given = overlay(input);
  const config = v.parse(workerSchema(), given);
  const backend = chooseBackend(input);
  const key = chooseKey(input);
  const workerId = config.worker_id ?? defaults.workerId;
  const telemetry = chooseTelemetry(input.env);
  const problems = [
    ...flags.problems,
    ...file.problems,
    ...(workerId === undefined && !isBroken(input, "worker_id")
      ? ["No worker id is given; give --worker-id ID, or worker_id in the config file"]
      : []),
    ...(key.kind === "problem" ? [key.text] : []),
    ...backend.problems,
    ...telemetry.problems,
    ...graceProblem(input, given, config),
  ];
  if (problems.length > 0 || workerId === undefined || key.kind !== "source") throw new ConfigError(problems);
  const cleanup = config.cleanup && !flags.noCleanup;
  return {
    workerId,
    key: key.source,
    backend: resolveBackend(backend.kind, { flags, file, host: input, cleanup }),
    unusedBackend: backend.unused,
    emptyBackend: backend.empty,
    cleanup,
    ...daemonSettings(config, input),
    telemetry: telemetry.settings,
    webSocketUrl: flags.webSocketUrl ?? defaults.webSocketUrl ?? OWN_FLAGS["web-socket-url"].default,
    serverRootUrl: flags.serverRootUrl ?? OWN_FLAGS["server-root-url"].default,
    sessionSharingServerUrl: flags.sessionSharingServerUrl,
  };
}

/** Also asked before the settings are made, so that its key can be tried in the same go. */
export function chooseKey({
  flags,
  file,
  env,
  defaults,
}: ResolveInput): KeyChoice | { readonly kind: "unknown" } {
  const choice = chooseKeySource({
    flag: flags.apiKey,
    fileFlag: flags.settings.api_key_file ?? null,
    fileSetting: file.config.api_key_file ?? null,
    env,
    fallback: defaults?.apiKey ?? null,
  });
  const maybeGiven =
    flags.broken.has("api-key") || flags.broken.has("api_key_file") || file.isBroken("api_key_file");
  return maybeGiven && choice.kind === "problem" ? { kind: "unknown" } : choice;
}

/** The same with this key, whatever else the operator says of keys. */
export function withKey(flags: FlagValues, apiKey: string): FlagValues {
  const { api_key_file: _other, ...settings } = flags.settings;
  return { ...flags, settings, apiKey };
}

/** The path of the CA file that the settings will name. */
export function caFileOf(input: ResolveInput): string | null {
  const path = overlay(input).ca_file;
  return path === undefined ? null : resolve(input.cwd, path);
}

/** Those that the worker reads itself, beside its config file. */
export function filesReadBy(input: ResolveInput): readonly string[] {
  const { api_key_file: keyFile, ca_file: caFile } = overlay(input);
  return [keyFile, caFile].flatMap((path) => (path === undefined ? [] : [resolve(input.cwd, path)]));
}

/** The file's keys outside its backend block, and over them those of the flags. */
function overlay({ flags, file }: ResolveInput): FileConfig {
  const { backend: _flags, ...fromFlags } = flags.settings;
  const { backend: _file, ...fromFile } = file.config;
  return { ...fromFile, ...fromFlags };
}

function isBroken({ flags, file }: ResolveInput, key: string): boolean {
  return flags.broken.has(key) || file.isBroken(key);
}

/** A worker that kills itself before its tasks' grace is over leaves them without a report. */
function graceProblem(input: ResolveInput, given: FileConfig, config: WorkerConfig): readonly string[] {
  if (isBroken(input, "cancel_grace_period") || isBroken(input, "shutdown_timeout")) return [];
  if (ms(config.cancel_grace_period) <= ms(config.shutdown_timeout)) return [];
  const name = (key: "cancel_grace_period" | "shutdown_timeout") =>
    `${key} (${config[key]}${given[key] === undefined ? ", the default" : ""})`;
  return [
    `${name("cancel_grace_period")} is longer than ${name("shutdown_timeout")}; tasks would outlive the worker's shutdown, so raise shutdown_timeout or lower cancel_grace_period`,
  ];
}

function daemonSettings(config: WorkerConfig, input: ResolveInput) {
  return {
    maxConcurrentTasks: config.max_concurrent_tasks,
    maxTasks: config.max_tasks,
    exitAfterIdleMs: ms(config.exit_after_idle),
    idleOnComplete: config.idle_on_complete ?? null,
    logLevel: config.log_level,
    logFormat: config.log_format,
    stateDir: resolve(input.cwd, config.state_dir ?? defaultStateDir(input)),
    cancelGracePeriodMs: ms(config.cancel_grace_period),
    drainTimeoutMs: ms(config.drain_timeout),
    shutdownTimeoutMs: ms(config.shutdown_timeout),
    maxTaskDurationMs: ms(config.max_task_duration ?? "0s") || null,
    caFile: caFileOf(input),
    healthAddress: config.health_address === undefined ? null : parseAddress(config.health_address),
  };
}

/** Rounded up, so that a fraction of a millisecond does not become "no limit". */
function ms(checked: string): number {
  return Math.ceil(parseDuration(checked) ?? 0);
}
