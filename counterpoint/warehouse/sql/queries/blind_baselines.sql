-- What can be answered blind: each base on every suite, without the picture, with another's, by the most frequent answer; is it measurable?
select
    model, suite, n, accuracy, low, high, no_image, shuffled_image, majority, best_blind, measurable, solved_blind
from blind
order by model, solved_blind desc, measurable, suite
