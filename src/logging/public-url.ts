/** A URL as it may be shown: without a user, a password, and a query, which may hold a token. Throws for what is no URL. */
export function publicUrl(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
