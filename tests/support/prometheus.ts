/** Reads Prometheus' text format strictly: what it cannot read is an error. */

export interface Family {
  readonly type: string;
  readonly help: string;
  /** By name and sorted labels, as `name{a="b"}`. */
  readonly samples: ReadonlyMap<string, number>;
}

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\.)*",?)*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\\n]|\\.)*)"/g;

export function parsePrometheus(text: string): Map<string, Family> {
  if (!text.endsWith("\n")) throw new Error("the text does not end in a newline");
  const families = new Map<string, Family & { samples: Map<string, number> }>();
  let help = "";
  let current = "";
  for (const line of text.slice(0, -1).split("\n")) {
    const comment = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line);
    if (comment?.[1] === "HELP") {
      current = comment[2] ?? "";
      help = comment[3] ?? "";
      if (families.has(current)) throw new Error(`${current} comes twice`);
      continue;
    }
    if (comment) {
      if (comment[2] !== current) throw new Error(`TYPE of ${comment[2]} after HELP of ${current}`);
      families.set(current, { type: comment[3] ?? "", help, samples: new Map() });
      continue;
    }
    const sample = SAMPLE.exec(line);
    const family = families.get(current);
    if (sample === null || family === undefined) throw new Error(`cannot read ${JSON.stringify(line)}`);
    const [, name = "", labels = "", value = ""] = sample;
    if (
      name !== current &&
      !(family.type === "histogram" && /^_(bucket|sum|count)$/.test(name.slice(current.length)))
    ) {
      throw new Error(`${name} stands under ${current}`);
    }
    const sorted = [...labels.matchAll(LABEL)].map(([pair]) => pair).sort();
    const key = sorted.length === 0 ? name : `${name}{${sorted.join(",")}}`;
    if (family.samples.has(key)) throw new Error(`${key} comes twice`);
    const number = value === "+Inf" ? Number.POSITIVE_INFINITY : Number(value);
    if (Number.isNaN(number)) throw new Error(`${key} has the value ${value}`);
    family.samples.set(key, number);
  }
  return families;
}

export async function scrape(url: string): Promise<Map<string, Family>> {
  const response = await fetch(url);
  const type = response.headers.get("content-type");
  if (response.status !== 200) throw new Error(`status ${response.status}`);
  if (type !== "text/plain; version=0.0.4; charset=utf-8") throw new Error(`content type ${type}`);
  return parsePrometheus(await response.text());
}

/** The series of all families, in one map. */
export function seriesOf(families: ReadonlyMap<string, Family>): Map<string, number> {
  return new Map([...families.values()].flatMap(({ samples }) => [...samples]));
}
