# Time glmer or glmmTMB in this process, by CPU time: Rscript peer.R PACKAGE DATA.csv FORMULA
args <- commandArgs(trailingOnly = TRUE)
package <- args[1]
if (!requireNamespace(package, quietly = TRUE)) {
  cat('{"missing": true}\n')
  quit(status = 0)
}
data <- read.csv(args[2])
formula <- as.formula(args[3])
fit_to <- function(rows) {
  if (package == "lme4") lme4::glmer(formula, rows, family = binomial)
  else glmmTMB::glmmTMB(formula, rows, family = binomial)
}
started <- proc.time()
fit <- fit_to(data)
used <- proc.time() - started
cat(sprintf('{"fit": [%.4f], "deviance": %.10g, "status": "ok", "peak": null}\n',
            used[["user.self"]] + used[["sys.self"]], -2 * as.numeric(logLik(fit))))
