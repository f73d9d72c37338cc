/** Deno does not let its heap be collected on request, and does so by itself when it is idle. */

export function collectGarbage(): void {}
