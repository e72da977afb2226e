# CPU seconds of survival::clogit and plm on the same rows: read from the path given, one line of JSON.
suppressMessages(library(survival))
arguments <- commandArgs(trailingOnly = TRUE)
rows <- read.csv(arguments[1])
cpu <- function(work) {
  began <- proc.time()
  force(work)
  sum((proc.time() - began)[c("user.self", "sys.self", "user.child", "sys.child")])
}
fit <- function() clogit(good ~ x1 + x2 + x3 + strata(client), data = rows, method = "exact")
invisible(fit())
seconds <- numeric(0)
for (i in 1:5) seconds[i] <- cpu(found <- fit())
cat(sprintf(
  '{"cpu": %.5f, "params": [%s], "version": "survival %s, R %s"}\n', min(seconds),
  paste(sprintf("%.12g", coef(found)), collapse = ", "), packageVersion("survival"), getRversion()
))
