/** `oz-agent-worker doctor`: what would keep a worker of this configuration from working, told in one go. */
import { readCaFile } from "../config/ca-file.ts";
import type { Host } from "../config/state-dir.ts";
import { checkConfiguration } from "../doctor/configuration.ts";
import { examine } from "../doctor/examination.ts";
import { Report } from "../doctor/report.ts";
import { EXIT } from "./exit-status.ts";
import { knownSecrets } from "./known-secrets.ts";
import { loadSettings, loadWrittenSettings } from "./load-settings.ts";
import type { CommandLine } from "./parse.ts";

export interface DoctorEdge {
  readonly host: Host;
  readonly environment: Readonly<Record<string, string>>;
  readonly stop: AbortSignal;
  readonly write: (text: string) => void;
}

/** Rejects with a ConfigError for a configuration with which the worker would not start, or with the reason of `stop`. */
export async function runDoctorCommand(
  { flags, json, configOnly }: Extract<CommandLine, { command: "doctor" }>,
  { host, environment, stop, write }: DoctorEdge,
): Promise<number> {
  const settings = await (configOnly ? loadWrittenSettings : loadSettings)(flags, host, stop);
  const secrets = await knownSecrets(settings, environment);
  const report = new Report({ json, redact: secrets.redact, write });
  const { configFile } = flags;
  const findings = configOnly
    ? checkConfiguration(settings, configFile)
    : examine({
        settings,
        configFile,
        environment,
        privateCa: settings.caFile === null ? null : await readCaFile(settings.caFile),
        secrets,
        stop,
      });
  for await (const found of findings) report.add(found);
  return report.finish() ? EXIT.ok : EXIT.couldNotStart;
}
