/** The state of a view is its address: `#/explore?preset=small&task=text`. */
export interface Address {
  page: string;
  query: URLSearchParams;
}

export function address(hash = location.hash): Address {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?");
  return { page: path, query: new URLSearchParams(query) };
}

export function link(page: string, values: Record<string, string | undefined>): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(values)) if (value !== undefined) query.set(key, value);
  const text = query.toString();
  return `#/${page}${text ? `?${text}` : ""}`;
}

/** Writes the state of the view that is shown, without showing another. */
export function remember(page: string, values: Record<string, string | undefined>): void {
  history.replaceState(null, "", link(page, values));
}
