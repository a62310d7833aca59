// Entry of every page. Charts, logs, uploads and predictions load only where a page has them.
import { startBulk } from "./bulk.js";
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

startTheme();
startTime();
startToasts();
startCopy();
startForms();
startBulk();
startJson();
startKeyboard();
startLive();

each("[data-choose]", startChoose);
each("[data-chart]", (element) => import("./charts.js").then((module) => module.startChart(element)));
each("[data-log]", (element) => import("./logs.js").then((module) => module.startLog(element)));
each("[data-upload]", (element) => import("./upload.js").then((module) => module.startUpload(element)));
each("[data-predict]", (element) => import("./predict.js").then((module) => module.startPredict(element)));
