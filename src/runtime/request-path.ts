/** What an HTTP request asks for. */

/**
 * The path, without its query. By hand, for the runtime gives the path alone where the request names no host, as
 * probes in HTTP/1.0 do (HAProxy's `option httpchk`), or one that no URL can have.
 */
export function pathOf(url: string): string {
  return /^(?:https?:\/\/[^/?#]*)?([^?#]*)/.exec(url)?.[1] ?? "";
}
