# CPU seconds of lavaan and psych on the same answers: read from the path given, one line of JSON.
suppressMessages(library(lavaan))
path <- commandArgs(trailingOnly = TRUE)[1]
answers <- read.csv(path)
whose <- answers$whose
items <- answers[, names(answers) != "whose"]
cpu <- function(work) {
  began <- proc.time()
  force(work)
  sum((proc.time() - began)[c("user.self", "sys.self", "user.child", "sys.child")])
}
model <- paste("score =~", paste(names(items), collapse = " + "))
one <- cpu(robust <- cfa(model, data = answers, std.lv = TRUE, estimator = "MLR", cluster = "whose"))
two <- cpu(ordinal <- cfa(model, data = items, std.lv = TRUE, ordered = TRUE, estimator = "WLSMV"))
alpha <- NA
if (suppressWarnings(requireNamespace("psych", quietly = TRUE))) {
  alpha <- cpu(found <- psych::alpha(items, n.iter = 1, warnings = FALSE))
}
cat(sprintf(
  '{"alpha": %s, "factor": %.4f, "ordinal": %.4f, "version": "lavaan %s, R %s", "chisq": %.4f, "scaled": %.4f}\n',
  ifelse(is.na(alpha), "null", sprintf("%.4f", alpha)), one, two,
  packageVersion("lavaan"), getRversion(),
  fitMeasures(robust, "chisq.scaled"), fitMeasures(ordinal, "chisq.scaled")
))
