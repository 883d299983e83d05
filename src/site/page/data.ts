/** Data comes as scripts that hand it over by name: of all files, a page that was opened from a folder may load these. */
const values = new Map<string, unknown>();
const waiting = new Map<string, (value: unknown) => void>();
const asked = new Map<string, Promise<unknown>>();

Object.assign(globalThis, {
  daam: {
    put(name: string, value: unknown) {
      values.set(name, value);
      waiting.get(name)?.(value);
    },
  },
});

/** A value of `data/`, loaded once. */
export function load<T>(name: string): Promise<T> {
  if (values.has(name)) return Promise.resolve(values.get(name) as T);
  if (!asked.has(name))
    asked.set(
      name,
      new Promise((resolve, reject) => {
        waiting.set(name, resolve);
        if (name !== "index") script(`data/${name}.js`).catch(reject);
      }),
    );
  return asked.get(name) as Promise<T>;
}

/** Runs a script that lies beside the page. */
export function script(src: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const element = document.createElement("script");
    element.src = src;
    element.onload = () => resolve();
    element.onerror = () => reject(new Error(`${src} cannot be loaded: build the site again (make site)`));
    document.head.append(element);
  });
}
