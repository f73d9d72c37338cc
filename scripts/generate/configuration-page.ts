/** docs/configuration.md: every flag, key and variable in tables. */
import { DEV_FLAGS } from "../../src/cli/dev-flags.ts";
import { COMMON_FLAGS } from "../../src/cli/scan.ts";
import { type FlagDef, type FlagDefs, runFlags } from "../../src/config/flags.ts";
import { configSchema } from "../../src/config/schema.ts";
import { entriesOf, pathText, type Setting, settingsOf } from "../../src/config/schema-walk.ts";

const INTRODUCTION = `<!-- Made by scripts/generate.ts from src/config; edit there. -->
# Configuration

Flags win over the config file (\`--config-file\`), the file over the defaults. The file is strict: an
unknown key, a wrong value, two backends are errors, all shown at once with line and column, and the
worker exits with status 2 before it starts anything. To check a file and start nothing, without a key or a
network: \`oz-agent-worker doctor --config-only --config-file FILE\`. An editor that reads JSON Schema checks the
file as you type with [config.schema.json](config.schema.json):

\`\`\`yaml
# yaml-language-server: $schema=config.schema.json
worker_id: my-worker
max_concurrent_tasks: 4
backend:
  direct:
    workspace_root: /var/lib/oz/workspaces
    environment:
      - name: NPM_TOKEN        # no value: the worker's own is passed through
      - name: CI
        value: "true"
\`\`\`

A key without a value, or with an empty text, counts as absent. That goes for a backend's block, too: a bare
\`direct:\` chooses nothing, \`direct: {}\` the Direct backend. Relative paths start from the folder in which the
worker was started; \`~\` and \`$NAME\` are not expanded.

The config file may be a pipe, as in \`--config-file <(command)\` and \`/dev/stdin\`, that is written within a
minute. Files with keys and certificates are read more than once, so they are regular files. None may be larger
than 4 MiB.

## The API key

The first of these that is given counts: \`--api-key\` or \`--api-key-file\` (not both), \`api_key_file\`
in the config file, \`WARP_API_KEY\`, \`WARP_API_KEY_FILE\`. A key in a file is read again at every
connect, so it can be rotated without a restart; a newline at its end is no part of it.

## Durations and quantities

\`unschedulable_timeout\` and \`dispatch_timeout\` are Go durations (\`1m30s\`, \`500ms\`, \`1.5h\`).
\`idle_on_complete\` is read by the agent, in the form of Rust's humantime (\`45m\`, \`1h 30m\`, \`2days\`,
no fractions). The other durations may be written either way and be 24 days at most, but for
\`sidecar_volume_max_age\`, which may be longer. Quantities are Kubernetes' (\`10Gi\`, \`500m\`).
`;

const VARIABLES = `## Environment variables

| variable | meaning |
| --- | --- |
| \`WARP_API_KEY\` | The API key |
| \`WARP_API_KEY_FILE\` | File that holds the API key |
| \`STATE_DIRECTORY\`, \`XDG_STATE_HOME\` | Where the state folder is without \`state_dir\`; systemd sets the first for \`StateDirectory=\` |
| \`DOCKER_HOST\`, \`DOCKER_TLS_VERIFY\`, \`DOCKER_CERT_PATH\`, \`DOCKER_CONTEXT\` | Docker backend: the engine, as the \`docker\` command reads them |
| \`DOCKER_CONFIG\` | Docker backend: the folder of \`config.json\` (contexts, credentials) instead of \`~/.docker\` |
| \`KUBECONFIG\` | Kubernetes backend: the kubeconfig, where neither \`kubeconfig\` is set nor the worker runs in a cluster |
| \`HTTPS_PROXY\`, \`HTTP_PROXY\`, \`NO_PROXY\` | The worker's way to the control plane; see [operations.md](operations.md#proxies-and-private-certificates) |
| \`OTEL_...\` | Metrics and traces; see [monitoring](monitoring/README.md) |
`;

export function configurationPage(): string {
  const settings = settingsOf(configSchema());
  const blocks = ["docker", "direct", "kubernetes", "command"];
  const inBlock = (block: string) => settings.filter(({ path }) => path[1] === block && path.length > 2);
  return [
    INTRODUCTION,
    `## Flags\n\n${flagTable(runFlags())}`,
    `Every command also takes:\n\n${flagTable(COMMON_FLAGS)}`,
    `The command \`dev\` takes all of these and:\n\n${flagTable(DEV_FLAGS)}`,
    `## Config file: the worker\n\n${settingTable(settings.filter(({ path }) => path.length === 1))}`,
    ...blocks.map((block) => `## Config file: \`backend.${block}\`\n\n${settingTable(inBlock(block))}`),
    `Each entry of an \`environment\` has \`name\` and, unless the worker's own value is to be passed through (empty where it has none), \`value\`.\n`,
    VARIABLES,
  ].join("\n");
}

function flagTable(flags: FlagDefs): string {
  const rows = Object.entries(flags)
    .filter(([, flag]) => !flag.hidden)
    .map(([name, flag]) => [
      flagText(name, flag),
      flag.description ?? "",
      flag.setting ? code(pathText(flag.setting.path)) : "",
    ]);
  return table(["flag", "meaning", "key in the file"], rows);
}

function flagText(name: string, flag: FlagDef): string {
  const value = flag.type === "enum" ? (flag.options ?? []).join("|") : flag.valueHint;
  const short = typeof flag.alias === "string" ? `-${flag.alias}, ` : "";
  return code(`${short}--${name}${value === undefined ? "" : ` ${value}`}`);
}

function settingTable(settings: readonly Setting[]): string {
  const rows = settings.map((setting) => [
    // Below `backend.KIND`, which the heading names.
    code(pathText(setting.path.length > 2 ? setting.path.slice(2) : setting.path)),
    typeText(setting),
    defaultText(setting),
    setting.info.flag === undefined
      ? setting.description
      : `${setting.description}; flag \`--${setting.info.flag}\``,
  ]);
  return table(["key", "type", "default", "meaning"], rows);
}

function typeText({ schema, info }: Setting): string {
  if ("options" in schema && Array.isArray(schema.options))
    return schema.options.map((option) => code(String(option))).join(", ");
  const kind = { boolean: "true or false", array: "list", record: "mapping", loose_object: "mapping" }[
    schema.type
  ];
  if (entriesOf(schema) !== null) return "mapping";
  if (schema.type === "array" && info.valueHint === undefined) return "list of name and value";
  if (info.valueHint === undefined) return kind ?? schema.type;
  return kind === undefined ? code(info.valueHint) : `${kind} (${code(info.valueHint)})`;
}

function defaultText({ fallback, info, required }: Setting): string {
  if (required) return "required";
  if (info.otherwise !== undefined) return info.otherwise;
  if (fallback === undefined) return "none";
  return typeof fallback === "object" ? code(JSON.stringify(fallback)) : code(String(fallback));
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |\n`;
  return line(head) + line(head.map(() => "---")) + rows.map(line).join("");
}

function code(text: string): string {
  return `\`${text}\``;
}
