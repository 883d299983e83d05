#!/bin/sh
# Builds @tensorflow/tfjs-node inside node_modules where its binary cannot be downloaded: the binding from source, libtensorflow
# out of the wheel named in WHEEL: tensorflow-cpu, or on Linux tensorflow, which has CUDA (its own version of it). Needs g++, make, unzip, pip ($PIP) and Node's headers ($NODEDIR, or those beside node).
set -eu
cd "$(dirname "$0")/.."
version=$(node -p 'require("./package.json").optionalDependencies["@tensorflow/tfjs-node"]')
pip=${PIP:-pip3}
wheel=${WHEEL:-tensorflow-cpu}
nodedir=${NODEDIR:-$(node -p 'require("node:path").resolve(process.execPath, "../..")')}
target=$PWD/node_modules/@tensorflow/tfjs-node
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for tool in g++ make unzip "$pip"; do
  command -v "$tool" >/dev/null || { echo "build-tfjs-node: $tool is missing: install it, or name another pip in PIP" >&2; exit 1; }
done
[ -f "$nodedir/include/node/node_api.h" ] || {
  echo "build-tfjs-node: no include/node/node_api.h in $nodedir: name a folder with Node's headers in NODEDIR" >&2; exit 1; }

# The packages alone, beside the project: installing them within it would run the download that fails.
(cd "$work" && npm init -y >/dev/null && npm install --no-audit --no-fund --ignore-scripts "@tensorflow/tfjs-node@$version")
"$pip" download --quiet --no-deps --dest "$work" "$wheel"
(cd "$work" && unzip -q "$(echo "$wheel" | tr - _)"-*.whl 'tensorflow/libtensorflow*' 'tensorflow/include/tensorflow/c/*' \
  'tensorflow/include/tensorflow/core/platform/*' 'tensorflow/include/tsl/*' 'tensorflow/include/xla/tsl/c/*')

package=$work/node_modules/@tensorflow/tfjs-node
lib=$package/deps/lib
mkdir -p "$lib"
mv "$work/tensorflow/include" "$package/deps/include"
mv "$work"/tensorflow/libtensorflow_cc.so.2 "$work"/tensorflow/libtensorflow_framework.so.2 "$lib"
# Names for the linker; at run time the binding looks for the two above, beside itself.
ln -s libtensorflow_cc.so.2 "$lib/libtensorflow.so"
ln -s libtensorflow_framework.so.2 "$lib/libtensorflow_framework.so"
(cd "$package" && PATH="$work/node_modules/.bin:$PATH" node-pre-gyp install --build-from-source --nodedir="$nodedir")

rm -rf "$target"
mkdir -p "$(dirname "$target")"
mv "$package" "$target"
# What the binding needs and the project lacks goes within it, so that the rest of node_modules stays as it is.
for dependency in $(cd "$work/node_modules" && ls -d [!.@]* @*/*); do
  [ -e "node_modules/$dependency" ] && continue
  mkdir -p "$target/node_modules/$(dirname "$dependency")"
  cp -R "$work/node_modules/$dependency" "$target/node_modules/$dependency"
done
node -e 'const tf = require("@tensorflow/tfjs-node"); console.log(`libtensorflow ${tf.backend().binding.TF_Version} is in place`)'
