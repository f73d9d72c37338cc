/** What the kubelet makes of `$(NAME)` and `$$`, written from the reference of the API, for checking what we escape. */
export function expandAsKubelet(text: string, known: Readonly<Record<string, string>>): string {
  let result = "";
  for (let at = 0; at < text.length; at++) {
    const next = text[at + 1];
    if (text[at] !== "$" || next === undefined) {
      result += text[at];
    } else if (next === "$") {
      result += "$";
      at++;
    } else if (next === "(" && text.includes(")", at)) {
      const end = text.indexOf(")", at);
      const name = text.slice(at + 2, end);
      result += Object.hasOwn(known, name) ? known[name] : text.slice(at, end + 1);
      at = end;
    } else {
      result += "$";
    }
  }
  return result;
}
