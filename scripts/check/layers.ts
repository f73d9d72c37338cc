/**
 * Imports run one way. Each part of src/ names the parts that it may import; types count like
 * values. docs/architecture.md tells why in words.
 */
import { type Import, importsOf } from "./imports.ts";
import type { Module } from "./module.ts";
import type { Finding, Rule } from "./rule.ts";

const BASE = ["runtime", "async", "logging", "build-info"] as const;
const MIDDLE = ["protocol", "config", "process", "journal"] as const;

interface Layer {
  readonly imports: readonly string[];
  /** May also name the settings' types, as `import type` only: settings arrive as parameters. */
  readonly settingsTypes?: true;
}

/** `backends/*` stands for each folder below src/backends; `backends` for the files beside them. */
const LAYERS: Readonly<Record<string, Layer>> = {
  "build-info": { imports: [] },
  async: { imports: BASE },
  runtime: { imports: BASE },
  logging: { imports: BASE },
  protocol: { imports: BASE },
  config: { imports: BASE },
  process: { imports: BASE, settingsTypes: true },
  journal: { imports: [...BASE, "protocol"], settingsTypes: true },
  "control-plane": { imports: [...BASE, "protocol"], settingsTypes: true },
  task: { imports: [...BASE, ...MIDDLE] },
  // They watch the tasks through interfaces of task/, so that task/ knows neither.
  telemetry: { imports: [...BASE, "protocol", "config", "journal", "task"] },
  health: { imports: [...BASE, "config", "journal", "task"] },
  backends: { imports: [...BASE, "protocol", "config", "process", "journal", "task"] },
  "backends/*": { imports: [...BASE, "protocol", "config", "process", "journal", "task", "backends"] },
  "backends/create": { imports: [...BASE, ...MIDDLE, "task", "backends", "backends/*"] },
  service: { imports: BASE, settingsTypes: true },
  dev: { imports: [...BASE, "protocol", "config"] },
  // Tries out what a start is made of, one part after the other, and is loaded by its command alone.
  doctor: {
    imports: [...BASE, ...MIDDLE, "control-plane", "telemetry", "backends/create"],
  },
  worker: {
    imports: [
      ...BASE,
      ...MIDDLE,
      ...["control-plane", "task", "telemetry", "backends", "backends/create", "worker-tasks"],
    ],
  },
  // The part of worker.ts that a start does not wait for.
  "worker-tasks": { imports: [...BASE, ...MIDDLE, "control-plane", "task", "worker-watch"] },
  // The part of it that metrics and health look at the others through.
  "worker-watch": { imports: [...BASE, ...MIDDLE, "control-plane", "task", "telemetry", "health"] },
  cli: {
    imports: [...BASE, ...MIDDLE, "control-plane", "task", "health", "dev", "doctor", "service", "worker"],
  },
  main: { imports: [...BASE, "process", "config", "cli"] },
};

const SETTINGS_TYPES = "src/config/settings.ts";

/** Packages that stay where they are; the rest of the program does not know their types. */
const PACKAGE_HOMES: readonly { readonly name: RegExp; readonly home: RegExp; readonly where: string }[] = [
  { name: /^@kubernetes\//, home: /^src\/backends\/kubernetes\//, where: "src/backends/kubernetes" },
  { name: /^@grpc\//, home: /^src\/telemetry\//, where: "src/telemetry" },
  { name: /^@opentelemetry\//, home: /^src\/telemetry\//, where: "src/telemetry" },
  { name: /^node:sqlite$/, home: /^src\/journal\//, where: "src/journal" },
  { name: /^ws$/, home: /^src\/runtime\/deno\//, where: "src/runtime/deno" },
  { name: /^consola/, home: /^src\/logging\//, where: "src/logging" },
  { name: /^citty$/, home: /^src\/(?:cli|config)\//, where: "src/cli and src/config" },
];

export const layers: Rule = {
  name: "layers",
  about: "imports run one way through the parts of src/",
  check: (tree) => tree.modules.filter(({ path }) => path.startsWith("src/")).flatMap(checkModule),
};

function checkModule(module: Module): Finding[] {
  const part = partOf(module.path);
  const layer = LAYERS[kindOf(part)];
  if (layer === undefined) {
    const todo = "give this part of src/ a place in scripts/check/layers.ts";
    return [{ file: module.path, line: 1, what: `no layer has the name ${part}`, todo }];
  }
  const imports = importsOf(module);
  const findings = imports.flatMap((found) => checkImport(module, part, layer, found));
  return [...findings, ...checkComposition(module, part, imports)];
}

function checkImport(module: Module, part: string, layer: Layer, found: Import): Finding[] {
  const at = { file: module.path, line: found.line };
  if (found.target === null) return checkPackage(at, found.specifier);
  if (!found.target.startsWith("src/")) {
    return [{ ...at, what: `src/ imports ${found.target}`, todo: "what runs lives in src/: move it there" }];
  }
  const target = partOf(found.target);
  if (target === part || layer.imports.includes(kindOf(target))) return [];
  if (layer.settingsTypes && found.typeOnly && found.target === SETTINGS_TYPES) return [];
  return [
    {
      ...at,
      what: `${part} imports ${target} (${found.target})`,
      todo: `${part} may import ${layer.imports.join(", ") || "nothing"}: pass it in as a parameter, or move it down`,
    },
  ];
}

function checkPackage(at: { file: string; line: number }, specifier: string): Finding[] {
  return PACKAGE_HOMES.filter(({ name, home }) => name.test(specifier) && !home.test(at.file)).map(
    ({ where }) => ({
      ...at,
      what: `${specifier} outside ${where}`,
      todo: "use our own type or function of it",
    }),
  );
}

const COMPOSITION: readonly string[] = ["worker", "worker-tasks", "worker-watch"];

/** The link and the scheduler do not know each other; whoever knows both is the composition root. */
function checkComposition(module: Module, part: string, imports: readonly Import[]): Finding[] {
  if (COMPOSITION.includes(part)) return [];
  const targets = imports.map(({ target }) => (target?.startsWith("src/") ? partOf(target) : ""));
  if (!targets.includes("control-plane") || !targets.includes("task")) return [];
  const todo = "only src/worker.ts and its parts, src/worker-*.ts, put the two together";
  return [{ file: module.path, line: 1, what: "imports both control-plane and task", todo }];
}

/** src/backends/docker/pull.ts -> backends/docker; src/task/run.ts -> task; src/main.ts -> main. */
export function partOf(path: string): string {
  const [first = "", second, third] = path
    .replace(/^src\//, "")
    .replace(/\.ts$/, "")
    .split("/");
  if (first !== "backends" || second === undefined) return first;
  return third !== undefined || second === "create" ? `backends/${second}` : "backends";
}

function kindOf(part: string): string {
  return part.startsWith("backends/") && part !== "backends/create" ? "backends/*" : part;
}
