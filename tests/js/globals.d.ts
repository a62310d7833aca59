// What the vendored libraries put on the page, as far as our scripts use it.

interface HtmxRequest {
  elt: HTMLElement;
  xhr: XMLHttpRequest;
  requestConfig?: { triggeringEvent?: Event };
}

interface HTMLElementEventMap {
  "htmx:load": CustomEvent<{ elt: HTMLElement }>;
  "htmx:beforeRequest": CustomEvent<HtmxRequest>;
  "htmx:beforeSend": CustomEvent<HtmxRequest>;
  "htmx:responseError": CustomEvent<HtmxRequest>;
  live: CustomEvent<Record<string, unknown>>;
}

interface Plot {
  clear(): void;
  resize(): void;
  setOption(option: object, how: { notMerge: boolean }): void;
}

interface Window {
  echarts: { init(canvas: HTMLElement, theme: null, how: { renderer: string }): Plot };
  htmx: { config: { defaultSettleDelay: number } };
}
