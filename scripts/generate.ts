/**
 * Writes docs/config.schema.json and docs/configuration.md from the schema and the flags, so that
 * each setting is declared once, and docs/command-payload.schema.json from what the Command backend
 * hands on. `--check`: writes nothing, exit status 1 when they are out of date.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { toJsonSchema } from "@valibot/to-json-schema";
import type * as v from "valibot";
import { configSchema } from "../src/config/schema.ts";
import { entriesOf, unwrap } from "../src/config/schema-walk.ts";
import { dispatchPayloadSchema } from "../src/protocol/dispatch-payload.ts";
import { readArguments, runScript } from "./command-line.ts";
import { configurationPage } from "./generate/configuration-page.ts";

const DOCS = join(import.meta.dir, "..", "docs");

/** What a setting says of itself to flags and docs, which no JSON Schema knows. */
const NOT_JSON_SCHEMA = ["flag", "valueHint", "secret", "otherwise"];

export function configJsonSchema(): string {
  const config = configSchema();
  const schema = toJsonSchema(config, {
    definitions: backendBlocks(config),
    typeMode: "input",
    // Checks in code have no JSON Schema; their patterns are given as metadata.
    errorMode: "ignore",
    overrideAction: ({ valibotAction, jsonSchema }) =>
      valibotAction.type === "metadata"
        ? Object.fromEntries(Object.entries(jsonSchema).filter(([key]) => !NOT_JSON_SCHEMA.includes(key)))
        : null,
  });
  const named = { ...schema, title: "oz-agent-worker config file" };
  return `${JSON.stringify(named, null, 2)}\n`;
}

function payloadJsonSchema(): string {
  const schema = toJsonSchema(dispatchPayloadSchema());
  const named = { ...schema, title: "Standard input of a dispatch command, version 1" };
  return `${JSON.stringify(named, null, 2)}\n`;
}

/** By name, or the lazy blocks would be numbered. */
function backendBlocks(config: v.GenericSchema): Record<string, v.GenericSchema> {
  const backend = entriesOf(config)?.["backend"];
  const blocks = Object.entries((backend && entriesOf(backend)) ?? {});
  return Object.fromEntries(blocks.map(([kind, block]) => [kind, unwrap(block)]));
}

async function main(): Promise<number> {
  const { check } = readArguments(
    { options: { check: { type: "boolean", default: false } } },
    "bun scripts/generate.ts [--check]",
  ).values;
  const files = {
    "config.schema.json": configJsonSchema(),
    "configuration.md": configurationPage(),
    "command-payload.schema.json": payloadJsonSchema(),
  };
  let status = 0;
  for (const [name, text] of Object.entries(files)) {
    const path = join(DOCS, name);
    if (!check) {
      await writeFile(path, text);
    } else if ((await readFile(path, "utf8").catch(() => "")) !== text) {
      process.stderr.write(`docs/${name} is out of date; run scripts/generate.ts\n`);
      status = 1;
    }
  }
  return status;
}

if (import.meta.main) await runScript("generate", main);
