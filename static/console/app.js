// Entry of every page. Charts, logs, uploads and predictions load only where a page has them.
import { startChoose } from "./choose.js";
import { startCopy } from "./copy.js";
import { each } from "./dom.js";
import { startForms } from "./forms.js";
import { startJson } from "./json.js";
import { startKeyboard } from "./keyboard.js";
import { startLive } from "./sse.js";
import { startTheme } from "./theme.js";
import { startTime } from "./time.js";
import { startToasts } from "./toasts.js";

const charts = () => import("./charts.js");
const logs = () => import("./logs.js");
const uploads = () => import("./upload.js");
const predictions = () => import("./predict.js");

startTheme();
startTime();
startToasts();
startCopy();
startForms();
startJson();
startKeyboard();
startLive();

each("[data-choose]", HTMLInputElement, startChoose);
each("[data-chart]", HTMLElement, async (element) => (await charts()).startChart(element));
each("[data-log]", HTMLElement, async (element) => (await logs()).startLog(element));
each("[data-upload]", HTMLElement, async (element) => (await uploads()).startUpload(element));
each("[data-predict]", HTMLFormElement, async (element) => (await predictions()).startPredict(element));
