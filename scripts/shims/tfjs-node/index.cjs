// danfojs-node asks for tfjs-node 3, which needs a download; its data frames only need tfjs itself.
module.exports = require("@tensorflow/tfjs");
