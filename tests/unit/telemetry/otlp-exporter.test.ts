/** What a collector says of what it took. */
import { expect, test } from "bun:test";
import { JsonMetricsSerializer, JsonTraceSerializer } from "@opentelemetry/otlp-transformer";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { ExportTrouble } from "../../../src/telemetry/export-trouble.ts";
import { OtlpExporter } from "../../../src/telemetry/otlp-exporter.ts";
import { OtlpSender } from "../../../src/telemetry/otlp-sender.ts";
import { recordLog } from "../logging/recorded-log.ts";

/** The warnings after two exports to a collector that answers each with `answer`. */
async function warnings<Items>(
  what: "metrics" | "traces",
  serializer: ConstructorParameters<typeof OtlpExporter<Items>>[0],
  items: Items,
  answer: string,
): Promise<readonly string[]> {
  const log = recordLog();
  const way = {
    attempt: async () => ({ kind: "taken" as const, answer: new TextEncoder().encode(answer) }),
    close: () => {},
  };
  const exporter = new OtlpExporter(
    serializer,
    new OtlpSender(way, 1_000),
    new ExportTrouble(log, what, "do this"),
  );
  for (let nth = 0; nth < 2; nth++) await new Promise((done) => exporter.export(items, done));
  return log.lines
    .filter(({ level }) => level === "warn")
    .map(({ message, fields }) => `${message}: ${fields["why"]}`);
}

const ofMetrics = (answer: string) => {
  const nothing = { resource: resourceFromAttributes({}), scopeMetrics: [] };
  return warnings("metrics", JsonMetricsSerializer, nothing, answer);
};
const ofTraces = (answer: string) => warnings("traces", JsonTraceSerializer, [], answer);

test.each(["", "{}", '{"partialSuccess":{}}', '{"partialSuccess":null}', "OK"])(
  "after %p nothing is said, for it took everything",
  async (answer) => {
    expect(await ofMetrics(answer)).toEqual([]);
  },
);

test("what it refused is told once, with how many and its words", async () => {
  const refused = (field: string, words: object) =>
    JSON.stringify({ partialSuccess: { [field]: "2", ...words } });
  expect(await ofMetrics(refused("rejectedDataPoints", { errorMessage: "too old" }))).toEqual([
    "the collector refused some of the metrics; nothing more is said of it: 2 refused: too old",
  ]);
  expect(await ofTraces(refused("rejectedSpans", {}))).toEqual([
    "the collector refused some of the traces; nothing more is said of it: 2 refused",
  ]);
});

// Of a collector that only remarked something the log said that it had refused some, and then that these were none.
test("what it only remarks is not called a refusal", async () => {
  const answer = JSON.stringify({ partialSuccess: { rejectedDataPoints: "0", errorMessage: "outdated" } });
  expect(await ofMetrics(answer)).toEqual([
    "the collector took the metrics with a remark; nothing more is said of it: outdated",
  ]);
});
