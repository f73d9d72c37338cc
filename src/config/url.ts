/** The URLs that flags name. */

export const SOCKET_SCHEMES = ["ws:", "wss:"] as const;
export const PAGE_SCHEMES = ["http:", "https:"] as const;
export const SESSION_SCHEMES = [...SOCKET_SCHEMES, ...PAGE_SCHEMES] as const;

/** One of these schemes, colon included, and no fragment, which would not be sent. */
export function isUrlOf(schemes: readonly string[], value: string): boolean {
  const parsed = URL.canParse(value) ? new URL(value) : null;
  return parsed !== null && schemes.includes(parsed.protocol) && !value.includes("#");
}
