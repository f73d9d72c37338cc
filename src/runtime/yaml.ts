/** The runtime's own YAML parser: fast and already loaded, but it tells no positions. */

/** Throws on text that is not YAML. */
export function parseYamlNatively(text: string): unknown {
  return Bun.YAML.parse(text);
}
