/** Deno has no YAML parser of its own: the library that the longer way uses, too. */
import { parse } from "yaml";

export function parseYamlNatively(text: string): unknown {
  return parse(text);
}
