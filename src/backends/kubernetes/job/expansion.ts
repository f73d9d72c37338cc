/**
 * The kubelet replaces `$(NAME)` in a container's command, its arguments and the plain values of its
 * variables when it knows the name, and makes `$$` one `$` there. A text that is to arrive as it is has
 * to be written so that this gives it back. Values from a Secret and the commands of hooks are not
 * touched by it. Source: k8s.io/kubernetes/third_party/forked/golang/expansion.
 */
export function literal(text: string): string {
  // What stands in brackets with white space in it is no name, and is passed over as a whole.
  return text.replace(/\$(?=\$|\([^\s)]+\))|\$\([^)]*\)/g, (found) => (found === "$" ? "$$" : found));
}

/** What the kubelet gives back of what `literal` wrote. */
export function expanded(text: string): string {
  return text.replace(/\$\$|\$\([^)]*\)/g, (found) => (found === "$$" ? "$" : found));
}
