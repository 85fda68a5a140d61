// Both scripts come with the package: the page loads nothing from the help centre but answers.
import { attach, configure, detach } from "./main.js";

configure({ companion: () => import("./companion.js") });

export { attach, configure, detach };
